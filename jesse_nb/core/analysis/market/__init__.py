"""The market beside the strategy."""
