"""Records of studies that nobody ran, for tests of what is done with them."""

from dataclasses import dataclass

from leanspike.hardware.workload.workload import Densities, Density, Layer, Workload
from leanspike.study.records import LayerWeights, MeasureResult, Provenance, StudyData

PROVENANCE = Provenance("0", None, "3.11", {"torch": "2"}, "made up")


def data(fingerprint="f" * 64, name="made up"):
    return StudyData(name, fingerprint, 10, (2, 34, 34), 10, (1200, 200, 400))


@dataclass(frozen=True)
class Made:
    """The result of a stand-in for the bench: its task, and the task it was given the result of."""

    key: str = ""
    given: str | None = None


def measured(right, layers, *, bits=2, sha="0" * 64, accuracy=0.9, inputs=(0.1, 0.3)):
    """A measurement of layers (LayerWeights), all with the same activity, mean and maximum."""
    spikes = Density(mean=inputs[0], max=inputs[1])
    return MeasureResult(
        right="".join("01"[int(mark)] for mark in right),
        validation_accuracy=accuracy,
        weight_bits=bits,
        sha256=sha,
        checkpoint="best.safetensors",
        layers=tuple(layers),
        workload=Workload(
            layers=tuple(
                Layer(
                    name=each.name,
                    C=1,
                    M=each.weights,
                    density=Densities(inputs=spikes, outputs=spikes),
                )
                for each in layers
            )
        ),
    )


def weights(name="conv1", count=100, bits=2, sparsity=0.5):
    return LayerWeights(name, count, bits, sparsity)
