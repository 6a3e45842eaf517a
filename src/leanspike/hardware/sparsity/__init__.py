"""Where the non-zeros of a tensor lie, and what storing only them takes."""
