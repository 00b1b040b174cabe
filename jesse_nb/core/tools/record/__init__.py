"""What tools and front ends ask of the research record: keep a result, find it, open it."""
