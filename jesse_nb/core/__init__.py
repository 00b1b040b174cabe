"""The engine: knows nothing of notebooks, widgets or drawing."""
