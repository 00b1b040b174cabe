"""The nouns of a search: metrics, spaces, constraints, windows and trials. What results are made of."""
