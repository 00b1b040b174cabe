"""What could happen to a strategy's money."""
