"""Declarations of what goes to trading, and comes back."""
