"""What optimizations, walk-forwards, cross-validations and batches say."""
