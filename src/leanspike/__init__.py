"""leanspike: what quantizing and pruning the weights of a spiking neural network really buys.

The rooms, in the order the data goes through them: ``events``, ``nn``, ``compress``,
``training``, ``activity``, ``hardware``, ``study``, ``report``, ``export``. Importing
``leanspike`` imports none of them, so that the hardware side never pays for torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leanspike.main_job import Study

__all__ = ["Study", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Study":
        from leanspike.main_job import Study

        return Study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
