"""Figures and the HTML page, from stored results alone."""
