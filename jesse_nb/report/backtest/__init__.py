"""The report of one backtest."""
