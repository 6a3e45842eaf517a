import warnings

with warnings.catch_warnings():
    # What lightning's own imports warn of (torchmetrics loads matplotlib styles) is not ours.
    warnings.simplefilter("ignore")
    import lightning.pytorch  # noqa: F401
