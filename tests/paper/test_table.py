"""The published table by our model: what is inferred, how it is scored, and the headline."""

import math

import numpy as np
import pytest

from leanspike.hardware.price import price_all
from leanspike.paper.published import DENSE_MJ, published_energy, published_setting
from leanspike.paper.scores import (
    errors_out_of_sample,
    format_order,
    rank_correlation,
    ratio_of,
    scores,
)
from leanspike.paper.table import (
    PRUNED,
    TERNARY,
    Parts,
    anomalous,
    fitted,
    inferred_mapping,
    published_mj,
    relative_activity,
    table,
    table_parts,
    unfitted,
)


def test_activity_is_what_the_published_cycles_say():
    """Mcycles / (8.587 (1 + 0.6 d)), d the density of weights over all multiply-accumulates."""
    cycles = {
        (one.strategy, one.prune_fraction, one.weight_bits, one.statistic): one.cycles / 1e6
        for one in published_energy()
        if one.format == "RLE"
    }
    assert set(relative_activity()) == set(cycles)
    for network, share in relative_activity().items():
        layers = published_setting(network[1], network[2]).layers
        macs = [math.prod([x.T, x.C, x.M, x.P, x.Q, x.R, x.S]) for x in layers]
        used = sum(n * x.density_of("Weights") for n, x in zip(macs, layers, strict=True))
        expected = cycles[network] / (8.58687 * (1 + 0.6 * used / sum(macs)))
        assert share == pytest.approx(expected, abs=1e-4)


def test_no_energy_is_in_the_activity_and_no_format_changes_the_cycles():
    by_network = {}
    for one in published_energy():
        key = (one.strategy, one.prune_fraction, one.weight_bits, one.statistic)
        by_network.setdefault(key, set()).add(one.cycles)
    assert sum(len(cycles) == 1 for cycles in by_network.values()) >= 144


def test_the_mapping_covers_every_layer():
    names = [layer.name for layer in published_setting(0.0, 2).layers]
    assert list(inferred_mapping()) == names


def test_marked_rows_are_quantization_alone_at_maximum_activity():
    assert {row[1:] for row in anomalous()} == {("joint", 0.0, b, "max") for b in (2, 4, 6, 8)}


def test_the_table_agrees_with_itself():
    known = published_mj()
    for name, one in scores({row: 1.1 * energy for row, energy in known.items()}).items():
        assert one.ratio_error == pytest.approx(0)
        assert one.ratio_80_over_ternary == pytest.approx(ratio_of(known, name))
        assert (one.rank_correlation_mean, one.rank_correlation_max) == (1.0, 1.0)
        assert (one.mare_mean, one.mare_max) == pytest.approx((0.1, 0.1))
    assert ratio_of(known) == pytest.approx(1.457, abs=5e-4)
    assert format_order(known, "mean") == format_order(known, "max") == ("RLE", "CP", "UOP", "UBM")


def test_rank_correlation_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    generator = np.random.default_rng(0)
    for _ in range(20):
        one, other = generator.integers(0, 6, (2, 15)).astype(float)
        expected = stats.spearmanr(one, other).statistic
        assert rank_correlation(one, other) == pytest.approx(expected)


def parts_of(noise):
    """Energies that wires and metadata explain but for ``noise`` of the cumulative rows."""
    generator = np.random.default_rng(1)
    found = {}
    for row, energy in published_mj().items():
        a, b, c = generator.uniform(0.05, 0.3, 3) * energy
        off = noise * energy if row[1] == "cumulative" else 0.0
        found[row] = Parts(a / 2, b / 3, c / 4, energy - a - b - c + off, 1.0)
    return found


def test_a_fit_is_tested_on_rows_it_did_not_see():
    key = "joint, predicts cumulative"
    assert errors_out_of_sample(parts_of(0.0))["RLE"][key] == pytest.approx(0, abs=1e-9)
    assert errors_out_of_sample(parts_of(0.07))["RLE"][key] == pytest.approx(0.07)


@pytest.fixture(scope="module")
def headline():
    """The fitted energies of the claims' networks, by format, network and whether zeros count."""
    reading = fitted()
    jobs = {
        (name, network): reading.job(name, network)
        for name in ("RLE", "CP", "UOP", "UBM")
        for network in (TERNARY, PRUNED)
    }
    most = (*PRUNED[:3], "max")
    jobs["UOP", most] = reading.job("UOP", most)
    jobs["RLE", "no zeros"] = reading.job("RLE", TERNARY, without_zeros=True)
    found = price_all(list(jobs.values()))
    return {key: one.cost.energy_pj / 1e9 for key, one in zip(jobs, found, strict=True)}


@pytest.mark.parametrize(
    ("name", "within"), [("RLE", 0.01), ("CP", 0.01), ("UOP", 0.01), ("UBM", 0.06)]
)
def test_the_headline_is_reproduced(headline, name, within):
    ratio = headline[name, PRUNED] / headline[name, TERNARY]
    assert ratio == pytest.approx(ratio_of(published_mj(), name), rel=within)


def test_activity_and_zeros_are_worth_what_was_published(headline):
    over = headline["UOP", (*PRUNED[:3], "max")] / headline["UOP", PRUNED]
    assert over == pytest.approx(1.110, rel=0.02)
    saved = 1 - headline["RLE", TERNARY] / headline["RLE", "no zeros"]
    published = 1 - published_mj()["RLE", *TERNARY] / DENSE_MJ["RLE"][2]
    assert saved == pytest.approx(published, abs=0.01)


@pytest.mark.slow
def test_the_whole_table_is_reproduced():
    parts = {row: one.energy for row, one in table_parts(fitted()).items()}
    for name, one in scores(parts).items():
        assert one.rank_correlation_mean >= (0.979 if name == "CP" else 0.98)
        assert one.rank_correlation_max >= 0.95
        assert one.mare_mean <= 0.04
        assert one.mare_max <= 0.04
    for statistic in ("mean", "max"):
        assert format_order(parts, statistic) == ("RLE", "CP", "UOP", "UBM")
    plain = scores({row: one.energy for row, one in table(unfitted()).items()})["RLE"]
    assert plain.ratio_80_over_ternary >= 1.30
    assert plain.rank_correlation_mean >= 0.97
    assert plain.mare_mean <= 0.05
