"""Markets under stress, and strategies that cannot act."""
