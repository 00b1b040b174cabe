"""The trade explorer."""
