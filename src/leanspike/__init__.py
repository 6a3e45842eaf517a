"""leanspike: what quantizing and pruning the weights of a spiking neural network really buys.

The rooms, in the order the data goes through them: ``events``, ``nn``, ``compress``,
``training``, ``activity``, ``hardware``, ``study``, ``report``, ``export``. Importing
``leanspike`` imports none of them, so that the hardware side never pays for torch.
"""

__version__ = "0.1.0"
