"""Many backtests at once, for comparison."""
