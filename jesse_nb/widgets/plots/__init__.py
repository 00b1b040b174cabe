"""plotly in a notebook: its script once a page, and reports whose figures move."""
