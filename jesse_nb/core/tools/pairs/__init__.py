"""Pairs: two markets traded against each other."""
