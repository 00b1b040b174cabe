"""What equity curves and returns say."""
