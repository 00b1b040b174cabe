"""What all reports share: numbers, labels, tables, canvas and the provenance card."""
