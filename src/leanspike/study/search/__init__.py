"""Search past the grid: bits and sparsity layer by layer, priced as it goes."""
