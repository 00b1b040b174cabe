"""Reports of what went to trading, and of what came back."""
