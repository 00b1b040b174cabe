"""Figures with hover and zoom, made of the very artists of the static ones."""
