"""Workers of a study on a Ray cluster: the ordinary worker's loop, started by Ray."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from leanspike.errors import InputError
from leanspike.study.work.progress import StudyProgress
from leanspike.study.work.store import Store
from leanspike.study.work.worker import Outcome

#: How often the process that started the workers asks how far they are.
REFRESH_SECONDS = 1.0


@dataclass(frozen=True)
class RayCluster:
    """A Ray cluster and what each worker takes of it.

    Attributes
    ----------
    address
        As ``ray.init`` takes it: ``auto``, ``host:port`` or ``ray://host:port``.
    cpus, gpus
        Cores and GPUs of one worker; a fraction of a GPU lets several workers share one.
    workers
        How many; as many as fit the cluster now when omitted.
    """

    address: str
    cpus: float = 1.0
    gpus: float = 0.0
    workers: int | None = None

    def __post_init__(self) -> None:
        if not self.cpus > 0:
            raise InputError(f"{self.cpus:g} is not above 0", where="cores per Ray worker")
        if self.gpus < 0 or (self.gpus > 1 and self.gpus != int(self.gpus)):
            raise InputError(
                f"{self.gpus:g} is neither a fraction of a GPU nor a whole number of them",
                where="GPUs per Ray worker",
            )


@contextmanager
def ray_workers(
    cluster: RayCluster, work: Callable[..., object], *arguments: object
) -> Iterator[Sequence[Any]]:
    """Start a study's workers on a Ray cluster; give what Ray knows them by.

    A worker whose node is lost is started again by Ray where there is room; its task goes back to
    the study when its heartbeat stops. When the body ends otherwise than by itself, the workers
    are cancelled: each gives back what it was doing.

    Parameters
    ----------
    work, arguments
        What each worker calls on its node.

    Raises
    ------
    InputError
        When Ray is not installed, the cluster does not answer, or it has no room for one worker.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise InputError(
            "Ray is not installed", where="--ray", remedy="pip install 'leanspike[ray]'"
        ) from error
    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"no Ray cluster answers ({str(error).splitlines()[0]})",
            where=f"--ray {cluster.address}",
            remedy="`ray start --head` makes one; its last lines say the address",
        ) from error
    try:
        count = cluster.workers or _room(ray.cluster_resources(), cluster)
        remote = ray.remote(
            num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_retries=-1,
            scheduling_strategy="SPREAD",
        )(work)  # fmt: skip
        started = [remote.remote(*arguments) for _ in range(count)]
        try:
            yield started
        except BaseException:
            for each in started:
                ray.cancel(each, recursive=False)
            ray.wait(started, num_returns=len(started), timeout=30)
            raise
    finally:
        ray.shutdown()


def watch(store: Store, workers: Sequence[Any], progress: StudyProgress) -> Outcome:
    """Show how far the workers are until nothing is left to do.

    Raises
    ------
    Exception
        What a worker raised that ends a study, such as a full disk.
    """
    import ray

    left = list(workers)
    while True:
        store.reclaim()
        counts = store.counts()
        progress.doing(f"{counts.get('running', 0)} tasks on Ray")
        progress.done(counts.get("done", 0), sum(counts.values()))
        if not left:
            return Outcome(counts, tuple(store.failures()))
        ended, left = ray.wait(left, num_returns=len(left), timeout=REFRESH_SECONDS)
        ray.get(ended)
        time.sleep(REFRESH_SECONDS if left else 0)


def _room(resources: dict[str, float], cluster: RayCluster) -> int:
    """Return how many workers fit."""
    count = int(resources.get("CPU", 0) / cluster.cpus)
    if cluster.gpus:
        count = min(count, int(resources.get("GPU", 0) / cluster.gpus))
    if not count:
        raise InputError(
            f"it has {resources.get('CPU', 0):g} cores and {resources.get('GPU', 0):g} GPUs, "
            f"one worker needs {cluster.cpus:g} and {cluster.gpus:g}",
            where=f"--ray {cluster.address}",
        )
    return count
