"""What a strategy computes from candles, with each value as it was when its candle was new."""
