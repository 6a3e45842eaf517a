"""``leanspike train``: one float network, kept in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from leanspike.training import EpochRecord


def train(
    out: Annotated[Path, typer.Option(help="Folder for the trained network.")],
    data: Annotated[str, typer.Option(help="Data set's name, npz archive or folder.")] = (
        "digits-dvs"
    ),
    steps: Annotated[int, typer.Option("--steps", "-T", help="Frames per recording.")] = 10,
    by: Annotated[str, typer.Option(help="Cut frames by 'count' or 'time'.")] = "count",
    limit: Annotated[int | None, typer.Option(help="At most so many recordings a split.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Let tonic fetch data.")] = False,
    network: Annotated[str, typer.Option(help="'small' or 'tcja'.")] = "small",
    channels: Annotated[
        str | None, typer.Option(help="Output channels: one number, or one per convolution.")
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(help="Dropped before dense layers; left out: the family's.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training split.")] = 10,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 1e-3,
    warmup: Annotated[
        int | None,
        typer.Option(help="Epochs of warm-up; left out: 2, or fewer if there are fewer."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Recordings per step.")] = 16,
    shift: Annotated[int, typer.Option(help="Pixels of random shift in training.")] = 0,
    precision: Annotated[str, typer.Option(help="32-true, bf16-mixed or 16-mixed.")] = "32-true",
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu, ...")] = "auto",
    seed: Annotated[int, typer.Option(help="Of first weights and shuffles.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a float network; the weights kept are those that validate best.

    The same command goes on after an interruption.

    Example: leanspike train --data digits-dvs --epochs 12 --out runs/float
    """
    from leanspike.study.file.study_file import DataSection, NetworkSection, TrainingSection
    from leanspike.study.work.model_folder import WEIGHTS, train_model
    from leanspike.training import evaluate

    sizes = None if channels is None else _numbers(channels)
    model = train_model(
        DataSection(source=data, T=steps, by=by, limit=limit, download=download),
        NetworkSection(name=network, channels=sizes, dropout=dropout),
        TrainingSection(
            epochs=epochs,
            lr=lr,
            warmup_epochs=min(2, epochs) if warmup is None else warmup,
            batch_size=batch_size,
            shift=shift,
            precision=precision,
            accelerator=accelerator,
        ),
        out=out,
        seed=seed,
        progress=show_epoch,
    )
    accuracy = evaluate(model.net, model.load_data().test)
    show_result(out / WEIGHTS, model.file.validation_accuracy, accuracy, as_json=as_json)


def show_epoch(record: EpochRecord) -> None:
    """Print a line about an epoch to standard error."""
    typer.echo(
        f"epoch {record.epoch + 1}: loss {record.train_loss:.4f}, "
        f"validation {100 * record.validation_accuracy:.2f} %, {record.seconds:.1f} s",
        err=True,
    )


def show_result(weights: Path, validation: float, test: float, *, as_json: bool) -> None:
    """Print what a training came to."""
    if as_json:
        result: dict[str, Any] = {
            "weights": str(weights),
            "validation_accuracy": validation,
            "test_accuracy": test,
        }
        typer.echo(json.dumps(result))
    else:
        typer.echo(f"validation {100 * validation:.2f} %, test {100 * test:.2f} %")
        typer.echo(f"weights: {weights}")


def _numbers(text: str) -> int | tuple[int, ...]:
    from leanspike.errors import InputError

    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"found {text!r}, expected whole numbers with commas between", where="--channels"
        ) from None
    return numbers[0] if len(numbers) == 1 else numbers
