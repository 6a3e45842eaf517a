"""The main job in Python: `Study(network=..., data=...).run()`, from data to report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leanspike.errors import InputError
from leanspike.events import DataReading, FrameData, frames_of
from leanspike.report import build_report
from leanspike.study.file.study_file import OwnNetwork, StudyFile, network_section
from leanspike.study.results.results import Results
from leanspike.study.run import run_study
from leanspike.study.work.own_network import own_code, own_function

_SECTIONS = ("name", "training", "compression", "hardware", "search", "seeds")


class Study:
    """What `leanspike study` does, on a network and data handed over in Python.

    Parameters
    ----------
    network
        A function that returns a torch module, a ready module, or the name of one
        (``"nets.py:make_net"``, a ``.nir`` file): of SpikingJelly, snnTorch, Norse, sinabs or
        plain torch. A dictionary is a network section of the study file; None the default network.
        Functions of a file that can be imported are shared by several processes; a module or a
        function of a notebook runs in this process only.
    data
        A torch ``Dataset`` or ``DataLoader`` of (x, y), a pair of arrays, or a pair or a
        dictionary of these for ``train``, ``test`` and ``validation`` (see
        :func:`leanspike.events.frames_of`); :class:`FrameData`; or the name or path of a data set.
        A dictionary with ``source`` is a data section of the study file. It is read once.
    trained
        Whether the network comes with its weights: float training is then skipped.
    weights
        A safetensors file of trained weights, likewise.
    call
        What is not to be found out about how the network runs: fields of
        :class:`leanspike.nn.Convention`.
    reading
        How recordings become frames, where they are not yet: T, axes, coding.
    classes
        How many, where not all of them occur.
    file
        A study file that the rest is laid over.
    sections
        ``name``, ``training``, ``compression``, ``hardware``, ``search`` and ``seeds`` of the
        study file, as dictionaries. ``training`` takes functions for ``loss``, ``optimizer`` and
        ``augment``, too.

    Raises
    ------
    InputError
        When something given cannot be used; it names what, where, and the remedy.

    >>> from leanspike import Study
    >>> study = Study(data="digits-dvs", training={"epochs": 2})
    >>> study.file.training.epochs
    2
    """

    def __init__(
        self,
        network: Any = None,
        data: Any = None,
        *,
        trained: bool = False,
        weights: str | Path | None = None,
        call: Mapping[str, Any] | None = None,
        reading: DataReading | None = None,
        classes: int | None = None,
        file: StudyFile | str | Path | None = None,
        **sections: Any,
    ) -> None:
        base = file if isinstance(file, StudyFile) else StudyFile.load(file) if file else None
        plain = base.plain() if base is not None else {}
        for name, value in sections.items():
            if name not in _SECTIONS:
                raise InputError(
                    "unknown section", where=name, remedy=f"There are {', '.join(_SECTIONS)}"
                )
            before = plain.get(name)
            both = isinstance(before, Mapping) and isinstance(value, Mapping)
            plain[name] = {**before, **value} if both else value  # type: ignore[dict-item]
        self._code: Any = None
        if isinstance(network, Mapping):
            plain["network"] = network_section(network)
        elif network is not None:
            self._code = own_code(network)
            plain["network"] = OwnNetwork(
                source=self._code.name,
                trained=trained,
                weights=None if weights is None else Path(weights),
                call=None if call is None else dict(call),
            )
        self._functions: list[Any] = []
        training = dict(plain.get("training") or {})
        for key in ("loss", "optimizer", "augment"):
            if callable(training.get(key)):
                own = own_function(training[key])
                self._functions.append(training[key])
                training[key] = own.name
        if training:
            plain["training"] = training
        self.frames: FrameData | None = None
        if isinstance(data, Mapping) and "source" in data:
            plain["data"] = {**plain.get("data", {}), **data}
        elif isinstance(data, str | Path):
            plain["data"] = {**plain.get("data", {}), "source": str(data)}
        elif data is not None:
            self.frames = frames_of(data, reading=reading, classes=classes)
        #: The study, checked.
        self.file = StudyFile(**plain)

    def run(self, out: str | Path = "runs/study", **options: Any) -> Results:
        """Run the study, or go on with it, and write its report beside the results.

        Parameters
        ----------
        out
            The study's folder.
        options
            ``jobs``, ``storage``, ``retries``, ``ray``, ``progress`` as in
            :func:`leanspike.study.run_study`.

        Raises
        ------
        InputError, OSError, KeyboardInterrupt
            As :func:`leanspike.study.run_study`.
        """
        results = run_study(
            self.file,
            out=Path(out),
            network=self._code,
            data=self.frames,
            code=self._functions,
            **options,
        )
        build_report(results, Path(out))
        return results
