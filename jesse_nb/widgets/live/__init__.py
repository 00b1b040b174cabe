"""The live view of a job, and what stands in a cell while it runs."""
