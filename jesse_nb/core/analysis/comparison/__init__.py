"""How results differ from each other, and whether by more than noise."""
