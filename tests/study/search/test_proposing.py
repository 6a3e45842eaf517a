import itertools
from dataclasses import replace

import numpy as np
import pytest

from leanspike.hardware.pareto import hypervolume
from leanspike.study.file.study_file import SearchSection, parse_budget
from leanspike.study.plan.options import Option, OptionTable
from leanspike.study.search.proposing import impossible, propose

OPTIONS = tuple(Option(bits, part) for bits in (2, 4, 8) for part in (0.0, 0.5, 0.9))


@pytest.fixture
def table():
    """Four layers, of which some hurt much and cost little."""
    draw = np.random.default_rng(0)
    damage = draw.random((4, 9)) * np.array([[1.0], [0.1], [0.5], [0.02]])
    energy = draw.random((4, 9)) * np.array([[1.0], [5.0], [2.0], [20.0]]) + 1.0
    costs = {"energy": energy, "latency": energy * 1e-9, "size": energy * 100}
    return OptionTable(("a", "b", "c", "d"), OPTIONS, (10, 20, 30, 40), damage, costs)


def truth(table, allocation):
    """What training would give: accuracy falls with damage, energy is a little over predicted."""
    return 1.0 - table.damage_of(allocation) / 2, table.cost_of(allocation, "energy") * 1.1


def searched(table, section, turns):
    trials, values, made = [], {}, []
    for turn in range(turns):
        fresh = propose(
            section, table, trials, values, turn=turn, count=section.generation, correction={}
        )
        made.append(fresh)
        trials += fresh
        values |= {t.number: truth(table, t.allocation) for t in fresh if t.why_not is None}
    return trials, values, made


@pytest.mark.parametrize("method", ["nsga2", "tpe"])
def test_every_turn_trains_as_many_as_asked_and_none_twice(table, method):
    section = SearchSection(method=method, generation=4, trainings=12)
    trials, values, made = searched(table, section, turns=3)
    assert [sum(t.why_not is None for t in fresh) for fresh in made] == [4, 4, 4]
    trained = [t.allocation for t in trials if t.why_not is None]
    assert len(set(trained)) == len(trained) == len(values)
    assert [t.number for t in trials] == list(range(len(trials)))


@pytest.mark.parametrize("method", ["nsga2", "tpe", "sensitivity"])
def test_the_same_seed_proposes_the_same_and_another_seed_something_else(table, method):
    section = SearchSection(method=method, generation=4)
    first = searched(table, section, turns=1 if method == "sensitivity" else 3)[0]
    assert first == searched(table, section, turns=1 if method == "sensitivity" else 3)[0]
    if method != "sensitivity":
        other = SearchSection(method=method, generation=4, seed=1)
        assert first != searched(table, other, turns=3)[0]


def test_children_of_nsga2_take_most_of_their_choices_from_trained_parents(table):
    section = SearchSection(generation=4)
    made = searched(table, section, turns=2)[2]
    parents = [t.allocation for t in made[0]]
    of_parents = [
        any(
            OPTIONS[parent[layer]].bits == OPTIONS[child.allocation[layer]].bits
            for parent in parents
        )
        for child in made[1]
        for layer in range(4)
    ]
    assert all(t.sampler["NSGAIISampler:generation"] == 0 for t in made[0])
    assert all(t.sampler["NSGAIISampler:generation"] == 1 for t in made[1])
    assert np.mean(of_parents) > 0.7


@pytest.mark.parametrize("method", ["nsga2", "tpe", "sensitivity"])
def test_what_breaks_a_budget_is_not_trained(table, method):
    budgets = ("energy <= 15 pJ", "size <= 160 B")
    section = SearchSection(method=method, generation=4, trainings=4, budget=budgets)
    trials, _, _ = searched(table, section, turns=1 if method == "sensitivity" else 3)
    trained = [t for t in trials if t.why_not is None]
    assert trained
    for trial in trained:
        assert table.cost_of(trial.allocation, "energy") <= 15
        assert table.cost_of(trial.allocation, "size") <= parse_budget("size <= 160 B").most
    reasons = [t.why_not for t in trials if t.why_not is not None]
    assert all(r.startswith(("breaks the budget", "clearly", "tried")) for r in reasons)


@pytest.mark.parametrize("method", ["nsga2", "tpe", "sensitivity"])
def test_what_would_be_no_better_than_silence_is_not_trained(table, method):
    limit = 0.5 * table.damage_of((0, 0, 0, 0))
    limited = replace(table, hopeless=limit)
    section = SearchSection(method=method, generation=4, trainings=4)
    trials, _, _ = searched(limited, section, turns=1 if method == "sensitivity" else 3)
    trained = [t for t in trials if t.why_not is None]
    assert trained
    assert all(t.damage < limit for t in trained)
    # a table that leaves no hope at all is searched as if there were no limit
    assert searched(replace(table, hopeless=0.0), section, turns=1)[0]


def test_a_correction_counts_against_the_budget(table):
    section = SearchSection(generation=4, budget=("energy <= 15 pJ",))
    made = propose(section, table, [], {}, turn=0, count=4, correction={"energy": 1.2})
    assert all(table.cost_of(t.allocation, "energy") * 1.2 <= 15 for t in made)


def test_a_budget_that_nothing_meets_proposes_nothing(table):
    section = SearchSection(generation=4, budget=("energy <= 0.001 pJ",))
    made = propose(section, table, [], {}, turn=0, count=4, correction={})
    assert made == []


def test_what_a_trained_candidate_clearly_dominates_is_not_trained(table):
    trials, _, _ = searched(table, SearchSection(generation=4), turns=4)
    trained = []
    for trial in trials:
        if trial.why_not is None:
            for other in trained:
                cheaper = other.cost <= trial.cost
                assert not (cheaper and other.damage < 0.8 * trial.damage)
            trained.append(trial)


def test_search_beats_uniform_choices_where_layers_differ(table):
    values = searched(table, SearchSection(generation=4), turns=3)[1]
    uniform = [truth(table, (option,) * 4) for option in range(9)]
    corner = (0.0, -40.0)

    def volume(points):
        return hypervolume([(a, -e) for a, e in points], reference=corner)

    every = [truth(table, a) for a in itertools.product(range(9), repeat=4)]
    assert volume(list(values.values())[:9]) > 1.1 * volume(uniform)
    assert volume(list(values.values())) > 0.9 * volume(every)


def test_an_impossible_budget_names_the_nearest_that_can_be_had(table):
    every = list(itertools.product(range(9), repeat=4))
    least = min(table.cost_of(allocation, "energy") for allocation in every)
    error = impossible(table, [parse_budget("energy <= 0.001 pJ"), parse_budget("size <= 1 MB")])
    assert f"energy <= 0.001 pJ: the least that can be had is {least:.4g} pJ" in str(error)
    assert "size" not in str(error)  # that one can be met


def test_budgets_that_exclude_each_other_are_named_together(table):
    budgets = [parse_budget("energy <= 1 J"), parse_budget("size <= 1 MB")]
    assert "no network fits energy <= 1 J, size <= 1 MB at once" in str(impossible(table, budgets))
