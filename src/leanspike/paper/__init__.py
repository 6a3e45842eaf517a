"""The published study again: its table and claims by our model, and by an own study.

Nothing is imported here: the published table alone needs neither torch nor matplotlib.
"""
