"""From research to trading and back: a strategy into its Jesse project, live trades beside their backtest."""
