"""What holding a perpetual costs: funding rates by market, beside its candles."""
