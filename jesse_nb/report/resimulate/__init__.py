"""The reports of backtests that were simulated again: scenarios, fees, the trade explorer."""
