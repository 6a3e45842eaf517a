"""Neurons and convolutions compiled for the CPU (numba) and the GPU (Triton)."""
