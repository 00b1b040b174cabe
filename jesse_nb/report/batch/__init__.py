"""The report of a batch of backtests."""
