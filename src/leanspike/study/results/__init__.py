"""What came of a study: typed records, means over seeds, fronts and tables. No torch."""
