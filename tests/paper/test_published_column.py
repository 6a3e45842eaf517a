from leanspike.paper.column import BITS, FRACTIONS, NETWORKS
from leanspike.paper.published import PRUNED_OVER_TERNARY


def test_the_numbers_of_the_text_are_found_again(published):
    ternary = published.at("quantize", "RLE", "mean", 2)
    pruned = published.at("prune", "RLE", "mean", 0.8)
    assert (ternary.energy, pruned.energy) == (9.593, 13.97748)
    assert round(pruned.energy / ternary.energy, 4) == round(PRUNED_OVER_TERNARY, 4)
    assert ternary.zeros == 0.679
    # PAPER.md: joint 97.5 % 2 b
    assert round(published.mark("joint", 2, 0.975).energy, 3) == 8.109


def test_every_published_network_is_there_once(published):
    assert len(published.marks) == 75
    named = {(mark.measure, mark.bits, mark.fraction) for mark in published.marks}
    assert len(named) == 75
    assert sum(mark.measure == "prune" for mark in published.marks) == len(FRACTIONS)
    assert sum(mark.measure == "quantize" for mark in published.marks) == len(BITS)


def test_lines_run_over_all_bits_and_fractions(published):
    assert len(published.lines) == 2 * 4 * 2
    for (measure, _, _), steps in published.lines.items():
        assert tuple(step.at for step in steps) == (BITS if measure == "quantize" else FRACTIONS)


def test_the_breakdown_adds_up_as_the_figure_does(published):
    totals = {name: sum(parts.values()) for name, parts in published.breakdown.items()}
    assert tuple(totals) == NETWORKS
    assert {name: round(total) for name, total in totals.items()} == dict(
        zip(NETWORKS, (654, 659, 670), strict=True)
    )
