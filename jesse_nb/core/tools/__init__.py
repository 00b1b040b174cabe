"""What a user asks for: backtest, optimize, and what they take and give."""
