"""Counting: what a mapping makes every level read, fill and update."""
