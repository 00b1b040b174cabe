"""What closed trades say."""
