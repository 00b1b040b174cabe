"""The ipywidgets front end: forms, live views and the trade explorer over the same tools as the magics."""
