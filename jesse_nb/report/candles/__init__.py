"""Pictures and words of stored candles."""
