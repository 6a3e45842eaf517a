"""Where recordings come from: one file for each kind."""
