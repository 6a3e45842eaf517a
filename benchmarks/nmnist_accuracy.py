"""What quantizing and pruning cost in accuracy on a subset of N-MNIST, the study's strategies.

    python benchmarks/nmnist_accuracy.py --data FOLDER --out FILE

For each seed: the small network trained in float, then from it ternary weights (2 bits), 80 %
pruned, and both jointly; then 80 % pruned by one global ranking. FOLDER has train.npz and
test.npz. `compression_accuracy.py` has the larger table; `accuracy_table.py` says how points are
kept.
"""

from __future__ import annotations

import accuracy_table
from accuracy_table import Row

from leanspike.compress import CompressionConfig, paper_strategy

# Layerwise masks; the study's global ranking beside them in the last row.
LAYERWISE = CompressionConfig(scope="layerwise")


def table(epochs: int, lr: float) -> dict[str, Row]:
    def row(group: int = 0, **strategy: object) -> Row:
        return Row(
            paper_strategy(epochs=epochs, lr=lr, warmup_epochs=1, **strategy),  # type: ignore[arg-type]
            group=group,
        )

    return {
        "ternary": row(name="quantize", weight_bits=2),
        "pruned 80 %": row(name="prune", sparsity=0.8, compression=LAYERWISE),
        "joint 2 b 80 %": row(name="joint", weight_bits=2, sparsity=0.8, compression=LAYERWISE),
        "pruned 80 % globally": row(1, name="prune", sparsity=0.8),
    }


def main() -> None:
    parser = accuracy_table.parser(__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=7, help="of the float network")
    parser.add_argument("--fine-epochs", type=int, default=4, help="of each strategy")
    parser.add_argument("--lr", type=float, default=4e-3, help="peak, of every training")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--shift", type=int, default=0, help="pixels of random shift in training")
    options = parser.parse_args()
    accuracy_table.fill(
        table(options.fine_epochs, options.lr),
        options,
        what="small network 16-32-32-128, masks layerwise, in the last row by one global ranking",
    )


if __name__ == "__main__":
    main()
