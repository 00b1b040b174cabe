"""`%candles`: what is stored, and how more comes in."""
