"""Files for a hardware test bench: packed weights, golden inputs, spikes and potentials."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.export.inference import IntegerNetwork, Recording
from leanspike.export.layer import IntegerLayer, signed_bits
from leanspike.export.packing import pack_weights
from leanspike.export.wiring import Source
from leanspike.files import WriteError, replacing, write_whole


def export_integers(
    network: IntegerNetwork,
    inputs: NDArray[Any],
    out: str | Path,
    *,
    format: str = "dense",
) -> Path:
    """Write an integer network and what it does with some inputs, for a hardware test bench.

    Files in `out`:

    - ``network.json``: per layer its source (a layer's name, "" for the network's input, or a join
      of such), shapes, widths and what happens beyond them, leak, format and file names.
    - ``<layer>.weights.npz``: packed values and metadata (see `Packed`; its other fields and the
      checksum stand in ``network.json``), and the same weights as whole numbers.
    - ``<layer>.weights.mem``, ``.bias.mem``, ``.threshold.mem``, ``.reset.mem``: hexadecimal words
      for Verilog's ``$readmemh``, one value a line in two's complement, weights in the order
      M, C, R, S (of one bit: 1, and 0 for -1). A reset by subtraction adds
      ``.threshold_step.mem``, what it subtracts; a membrane of few bits ``.membrane_step.mem``.
    - ``golden.npz``: inputs, and per layer its input, accumulated sums, potentials and spikes.
    - ``inputs.mem``, ``<layer>.spikes.mem``: the same for ``$readmemh``, in the order T, N, C,
      H, W: one input value a line, in two's complement where one is negative; one line of spikes
      per time step and sample, first output in the lowest bit.

    Parameters
    ----------
    network
        From `integer_network`.
    inputs
        Whole numbers, ``[T, N, ...]``.
    out
        Folder, made where missing.
    format
        Of the packed weights: ``"dense"``, ``"UBM"``, ``"RLE"``, ``"CP"`` or ``"UOP"``.

    Returns
    -------
    Path
        ``network.json``.

    Raises
    ------
    InputError
        The folder cannot be written, inputs or format do not fit, or a layer's name cannot be
        a file's.
    """
    out = Path(out)
    _check_names([layer.name for layer in network.layers])
    recording = network.run(inputs)
    signed = bool((recording.inputs < 0).any())
    bits = signed_bits(recording.inputs) if signed else _bits(recording.inputs)
    try:
        out.mkdir(parents=True, exist_ok=True)
        manifest = {
            "input": {
                "file": "inputs.mem",
                "shape": list(recording.inputs.shape),
                "bits": bits,
                "signed": signed,
            },
            "layers": [
                {"source": _plain(source)} | _write_layer(layer, recording, out, format)
                for layer, source in zip(network.layers, network.sources, strict=True)
            ],
        }
        _write_words(out / "inputs.mem", recording.inputs, bits)
        golden: dict[str, NDArray[Any]] = {"inputs": recording.inputs}
        for name in recording.spikes:
            golden[f"{name}.inputs"] = recording.entering[name]
            golden[f"{name}.accumulated"] = recording.accumulated[name]
            golden[f"{name}.potentials"] = recording.potentials[name]
            golden[f"{name}.spikes"] = recording.spikes[name]
        _write_arrays(out / "golden.npz", golden)
        path = out / "network.json"
        write_whole(path, json.dumps(manifest, indent=2) + "\n")
    except WriteError:
        raise
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(out)) from error
    return path


def _write_layer(
    layer: IntegerLayer, recording: Recording, out: Path, format: str
) -> dict[str, Any]:
    name = layer.name
    largest = int(np.abs(recording.entering[name]).max(initial=1))
    packed = pack_weights(layer.weights, layer.word_bits, format)
    arrays: dict[str, NDArray[Any]] = {
        "values": packed.values,
        "metadata": packed.metadata,
        "weights": layer.weights,
        "scale": np.asarray(layer.scale),
        "unit": np.asarray(layer.unit),
    }
    _write_arrays(out / f"{name}.weights.npz", arrays)
    spikes = recording.spikes[name]
    state = max(
        signed_bits(values)
        for values in (
            layer.bias,
            layer.threshold,
            layer.threshold_step,
            layer.reset,
            recording.potentials[name],
        )
    )
    binary = layer.word_bits == 1
    weights = (layer.weights + 1) // 2 if binary else layer.weights  # -1 is 0, as packed
    _write_words(out / f"{name}.weights.mem", weights, layer.word_bits)
    for what in ("bias", "threshold", "reset", *(("threshold_step",) if layer.soft else ())):
        _write_words(out / f"{name}.{what}.mem", getattr(layer, what), state)
    membrane = layer.membrane
    if membrane is not None:
        _write_words(out / f"{name}.membrane_step.mem", membrane.step, signed_bits(membrane.step))
    _write_lines(out / f"{name}.spikes.mem", spikes.reshape(-1, int(np.prod(spikes.shape[2:]))))
    return {
        "name": name,
        "weights": list(layer.weights.shape),
        "input": list(layer.input_shape),
        "output": list(spikes.shape[2:]),
        "weight_bits": layer.bits,
        "weight_word_bits": layer.word_bits,
        "format": format,
        "weight_size_bits": packed.size_bits,
        "metadata_bits": packed.metadata_bits,
        "stored_weights": packed.stored,
        "field_bits": packed.field_bits,
        "signed": packed.signed,
        "checksum": packed.checksum,
        "accumulator_bits": layer.accumulator_bits(largest),
        "accumulator_overflow": layer.accumulator.overflow if layer.accumulator else None,
        "state_bits": state,
        "membrane_bits": membrane.bits if membrane else None,
        "membrane_overflow": membrane.overflow if membrane else None,
        "fraction_bits": layer.fraction_bits,
        "leak": layer.leak,
        "leak_shift": layer.leak_shift,
        "soft_reset": layer.soft,
        "stride": list(layer.stride),
        "padding": list(layer.padding),
        "dilation": list(layer.dilation),
        "groups": layer.groups,
        "pool": list(layer.pool) if layer.pool else None,
    }


def _bits(values: NDArray[np.int64]) -> int:
    return max(1, int(values.max(initial=0)).bit_length())


def _plain(source: Source) -> Any:
    if isinstance(source, str):
        return source
    plain = {"how": source.how, "parts": [_plain(part) for part in source.parts]}
    return plain | ({"pool": list(source.pool)} if source.pool else {})


def _write_words(path: Path, values: NDArray[np.int64], bits: int) -> None:
    digits, mask = -(-bits // 4), (1 << bits) - 1
    text = "\n".join(f"{int(value) & mask:0{digits}x}" for value in values.ravel())
    write_whole(path, text + "\n")


def _write_lines(path: Path, bits: NDArray[np.uint8]) -> None:
    digits = -(-bits.shape[1] // 4)
    words = np.packbits(bits, axis=1, bitorder="little")
    lines = (f"{int.from_bytes(word.tobytes(), 'little'):0{digits}x}" for word in words)
    write_whole(path, "\n".join(lines) + "\n")


def _write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _check_names(names: Sequence[str]) -> None:
    """Refuse names that are paths, or that a file system could not keep apart."""
    seen: set[str] = set()
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,99}", name):
            raise InputError(
                "cannot be a file's name",
                where=f"layer {name!r:.120}",
                remedy="Rename the module: letters, digits and _ . + - make names",
            )
        if name.lower() in seen:
            raise InputError(
                "differs from another by case alone, which some file systems ignore",
                where=f"layer {name!r}",
            )
        seen.add(name.lower())
