"""Candle files as people have them."""
