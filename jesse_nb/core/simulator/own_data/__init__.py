"""Data that a strategy holds itself, apart from candles: what there is of it, and made worthless."""
