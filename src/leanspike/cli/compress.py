"""``leanspike compress``: quantize and prune a trained network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leanspike.study.work.model_folder import Model


def compress(
    model: Annotated[Path, typer.Argument(help="Folder of a trained network.")],
    out: Annotated[Path, typer.Option(help="Folder for the compressed network.")],
    reach: Annotated[
        str | None,
        typer.Option(help="'ternary, 95 %', or 'energy <= 30 uJ, lose at most 1 point'."),
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="How to reach it: best, fast, one-shot or published.")
    ] = "best",
    bits: Annotated[int | None, typer.Option(help="Bits per weight.")] = None,
    pruning: Annotated[float, typer.Option(help="Fraction of the weights to prune.")] = 0.0,
    strategy: Annotated[
        str | None,
        typer.Option(help="quantize, prune, cumulative or joint; what fits when left out."),
    ] = None,
    strategy_file: Annotated[
        Path | None, typer.Option(help="YAML file with phases, instead of the options above.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs in all; left out: the recipe's, or 8.")
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Peak learning rate; left out: as above."),
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="Code of a network of your own: nets.py:make_net.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Quantize, prune or both, fine-tune, and keep the result.

    Example: leanspike compress runs/float --reach "ternary, 95 %" --out runs/ternary
    """
    from leanspike.cli.train import show_epoch
    from leanspike.compress import (
        load_strategy,
        paper_strategy,
        parse_target,
        recipe_strategy,
        summary,
    )
    from leanspike.errors import InputError
    from leanspike.study.work.model_folder import WEIGHTS, Model, compress_model
    from leanspike.training import evaluate

    ways = {"--reach": reach, "--strategy-file": strategy_file, "--bits": bits}
    given = [way for way, value in ways.items() if value is not None]
    if reach is not None and (len(given) > 1 or pruning or strategy is not None):
        raise InputError(
            "says all there is to reach",
            where="--reach",
            remedy="Leave out --bits, --pruning, --strategy and --strategy-file",
        )
    if reach is not None and ("<=" in reach or "lose" in reach):
        _show_reached(
            Model.load(model, network=network), reach, out, recipe, epochs, lr, as_json=as_json
        )
        return
    if reach is not None:
        chosen = recipe_strategy(recipe, parse_target(reach), epochs=epochs, lr=lr)
    elif strategy_file is not None:
        chosen = load_strategy(strategy_file)
    elif bits is None and not pruning:
        raise InputError("nothing to do", remedy="Such as --reach 'ternary, 95 %'")
    else:
        name = strategy or ("prune" if bits is None else "joint" if pruning else "quantize")
        chosen = paper_strategy(name, weight_bits=bits, sparsity=pruning, epochs=epochs or 8, lr=lr)
    done = compress_model(Model.load(model, network=network), chosen, out=out, progress=show_epoch)
    accuracy = evaluate(done.net, done.load_data().test)
    weights = summary(done.net)
    if as_json:
        result = {
            "weights": str(out / WEIGHTS),
            "validation_accuracy": done.file.validation_accuracy,
            "test_accuracy": accuracy,
            "weight_sparsity": weights.sparsity,
            "size_bits": weights.size_bits,
        }
        typer.echo(json.dumps(result))
        return
    typer.echo(weights.table())
    typer.echo(
        f"validation {100 * done.file.validation_accuracy:.2f} %, test {100 * accuracy:.2f} %"
    )
    typer.echo(f"weights: {out / WEIGHTS}")


def _show_reached(
    model: Model,
    text: str,
    out: Path,
    recipe: str,
    epochs: int | None,
    lr: float | None,
    *,
    as_json: bool,
) -> None:
    """Compress until a budget is kept, each try as a line; status 1 where none is."""
    from leanspike.cli.train import show_epoch
    from leanspike.study.work.model_folder import WEIGHTS
    from leanspike.study.work.reaching import parse_goal, reach
    from leanspike.training import evaluate

    found = reach(
        model,
        parse_goal(text),
        out=out,
        recipe=recipe,
        epochs=epochs,
        lr=lr,
        on_rung=lambda rung: typer.echo(str(rung), err=as_json),
        progress=show_epoch,
    )
    accuracy = evaluate(found.model.net, found.model.load_data().test)
    if as_json:
        result = {
            "weights": str(out / WEIGHTS),
            "reached": found.why_not is None,
            "why_not": found.why_not,
            "target": None if found.chosen.target is None else str(found.chosen.target),
            "validation_accuracy": found.chosen.accuracy,
            "test_accuracy": accuracy,
            "energy_pj": found.chosen.costs["energy"],
            "latency_s": found.chosen.costs["latency"],
            "size_bits": found.chosen.costs["size"],
        }
        typer.echo(json.dumps(result))
    else:
        typer.echo(f"chosen: {found.chosen}, test {100 * accuracy:.2f} %")
        typer.echo(f"weights: {out / WEIGHTS}")
    if found.why_not is not None:
        typer.echo(found.why_not, err=True)
        raise typer.Exit(1)
