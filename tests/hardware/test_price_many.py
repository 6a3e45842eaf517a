"""Prices of many jobs at once against one at a time."""

import pytest

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.price import Job, Priced, price, price_all, price_many
from leanspike.hardware.workload.layer import Layer
from leanspike.hardware.workload.workload import Workload


def chip(depth: int, width: int = 64) -> Architecture:
    keeps = ["Weights", "Inputs", "Outputs"]
    return Architecture(
        name=f"buffer of {depth}",
        levels=[
            {"name": "DRAM", "keeps": keeps, "energy": {"read": 100, "update": 100}},
            {"name": "buffer", "keeps": keeps, "depth": depth, "width": width,
             "energy": {"read": 1, "update": 1}},
        ],
    )  # fmt: skip


WORKLOAD = Workload(
    name="two", layers=(Layer(name="a", C=8, M=4), Layer(name="b", C=4, M=2, P=2, Q=2))
)


def test_jobs_in_any_mixture_cost_what_each_costs_alone() -> None:
    jobs = [
        Job(WORKLOAD, chip(64)),
        Job(WORKLOAD, chip(16), semantics="sparseloop"),
        Job(WORKLOAD, chip(64), weight_bits=2),
    ]
    for job, priced in zip(jobs, price_all(jobs), strict=True):
        alone = price(
            WORKLOAD, job.architecture, semantics=job.semantics, weight_bits=job.weight_bits
        )
        assert priced.cost.to_dict() == alone.to_dict()
        assert priced.job is job


def test_a_job_without_a_legal_mapping_gives_its_error_in_its_place() -> None:
    first, refused, last = price_many(
        [Job(WORKLOAD, chip(64)), Job(WORKLOAD, chip(1, 8)), Job(WORKLOAD, chip(16))]
    )
    assert isinstance(first, Priced)
    assert isinstance(last, Priced)
    assert isinstance(refused, InputError)
    with pytest.raises(InputError) as raised:
        price(WORKLOAD, chip(1, 8))
    assert str(raised.value) == str(refused)


def test_what_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="formats: found 'RLX'"):
        Job(WORKLOAD, chip(64), formats="RLX")
    with pytest.raises(InputError, match="semantics"):
        Job(WORKLOAD, chip(64), semantics="hopeful")
