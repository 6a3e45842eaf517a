"""The hardware side: workloads, architectures, and what running one on the other costs.

Nothing here imports torch.
"""
