"""One backtest."""
