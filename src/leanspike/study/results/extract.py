"""A point's trained network out of its study, into a folder of its own."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from leanspike.errors import InputError
from leanspike.files import write_whole
from leanspike.spec import write_yaml
from leanspike.study.results.model_card import model_card
from leanspike.study.results.point_result import PointResult
from leanspike.study.results.results import Results
from leanspike.study.work.model_folder import DESCRIPTION, WEIGHTS, ModelFile

#: The model card in an extracted network's folder.
CARD = "README.md"


def extract_network(
    study: Path, setting: str, *, out: Path, seed: int | None = None, storage: str | None = None
) -> ModelFile:
    """Copy the network of one setting into a folder that ``leanspike profile`` and others take.

    Parameters
    ----------
    study
        The study's folder, with its trainings.
    setting
        Which, as the report names it (``"joint 2b 80%"``).
    out
        The folder to make; it may exist, without a model in it.
    seed
        Which seed's; by default the first that is done.
    storage
        Where the results are, if not in the folder: a PostgreSQL address.

    Raises
    ------
    InputError
        No such setting or seed, weights that are gone or have changed, or a folder with a model.
    OSError
        When the folder cannot be written.
    """
    if not study.is_dir():
        raise InputError("expected a study's folder", where=str(study))
    results = Results.load(storage or study)
    point = _find(results, setting, seed)
    weights = study / point.measured.checkpoint
    if not weights.is_file():
        raise InputError(
            "the weights are no longer there",
            where=str(weights),
            remedy="Extract where the study's folder is whole",
        )
    if hashlib.sha256(weights.read_bytes()).hexdigest() != point.measured.sha256:
        raise InputError(
            "the weights are not those that were measured",
            where=str(weights),
            remedy="Delete this file's folder; the study's command trains the network again",
        )
    if (out / DESCRIPTION).exists():
        raise InputError(
            f"there is a {DESCRIPTION} already", where=str(out), remedy="Choose another folder"
        )
    trained = point.measured.trained
    if trained is None:
        raise InputError(
            "an old leanspike measured it, and its phases were not kept", where=setting
        )
    asked = results.file
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(weights, out / WEIGHTS)
    description = ModelFile(
        data=asked.data,
        network=asked.network,
        training=asked.training,
        shape=results.data.shape,
        classes=results.data.classes,
        seed=point.point.seed,
        phases=trained.recipe.phases,
        validation_accuracy=point.validation_accuracy,
        steps=results.data.T,
    )
    write_yaml(description.model_dump(mode="json"), out / DESCRIPTION)
    write_whole(out / CARD, model_card(results, point))
    return description


def _find(results: Results, setting: str, seed: int | None) -> PointResult:
    named = [point for point in results.points if point.point.setting == setting]
    if not named:
        there = dict.fromkeys(point.point.setting for point in results.points)
        raise InputError(
            f"no setting {setting!r} is done",
            where=results.where,
            remedy=f"Done: {', '.join(there) or 'none'}",
        )
    for point in named:
        if seed in (None, point.point.seed):
            return point
    seeds = ", ".join(str(point.point.seed) for point in named)
    raise InputError(
        f"{setting!r} is not done with seed {seed}",
        where=results.where,
        remedy=f"Seeds that are: {seeds}",
    )
