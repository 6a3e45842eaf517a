from collections import Counter

import pytest

from leanspike.compress.recipes import RECIPES, Target
from leanspike.errors import InputError
from leanspike.study.file.study_file import CompressionSection, StudyFile
from leanspike.study.plan.points import Point, grid
from leanspike.study.plan.tasks import phases, plan


def kinds(tasks):
    return Counter(task.kind for task in tasks)


def test_the_default_study_trains_each_shared_phase_once():
    # float, control, 3 quantized, rungs at 80, 90 and 95 % that pruned points share, 6 widths
    tasks = plan(StudyFile(), fingerprint="a")
    assert kinds(tasks) == {"train": 1 + 1 + 3 + 3 + 6, "measure": 13, "price": 13}


def test_the_published_study_trains_each_shared_phase_once():
    # 1 float, 3 quantized, 2 pruned, 2 shared prune phases with 3 widths each, 6 joint
    tasks = plan(StudyFile(compression={"recipe": "published"}), fingerprint="a")
    assert kinds(tasks) == {"train": 1 + 3 + 2 + 2 + 6 + 6, "measure": 18, "price": 18}


def test_the_default_compresses_by_the_best_recipe_at_half_its_epochs():
    study = StudyFile()
    best = RECIPES["best"].strategy(Target(weight_bits=2, sparsity=0.95))
    _, *ours = phases(study, Point("cumulative", 2, 0.95, 0))
    assert [phase.compression for phase in ours] == [phase.compression for phase in best.phases]
    assert [phase.epochs for phase in ours] == [round(p.epochs / 2) for p in best.phases]
    assert {phase.distillation for phase in ours} == {0.5}
    assert {phase.compression.scope for phase in ours} == {"lamp"}
    assert ours[-1].compression.initializer == "mse"
    whole = StudyFile(compression={"effort": 1.0})
    assert phases(whole, Point("cumulative", 2, 0.95, 0))[1:] == best.phases


def test_a_file_changes_of_the_recipe_what_it_names():
    study = StudyFile(compression={"recipe": "best", "scope": "erk", "lr": 1e-3, "epochs": 10})
    _, *ours = phases(study, Point("cumulative", 2, 0.95, 0))
    assert {phase.compression.scope for phase in ours} == {"erk"}
    assert {phase.lr for phase in ours} == {1e-3}
    assert sum(phase.epochs for phase in ours) == 10


def test_the_control_trains_the_float_network_for_as_long_as_the_longest_point():
    study = StudyFile()
    first, on = phases(study, Point("control", None, 0.0, 0))
    assert first == phases(study, Point("float", None, 0.0, 0))[0]
    assert on.compression is None
    longest = max(
        sum(phase.epochs for phase in phases(study, point)[1:])
        for point in grid(study)
        if point.strategy != "control"
    )
    assert on.epochs == longest


def test_every_task_follows_what_it_needs(tasks):
    seen = set()
    for task in tasks:
        assert task.needs is None or task.needs in seen
        assert task.key not in seen
        seen.add(task.key)


def test_every_point_is_measured_and_priced_once(study, tasks):
    names = Counter(point.name for point in grid(study))
    for kind in ("measure", "price"):
        assert Counter(task.point for task in tasks if task.kind == kind) == names


def test_cumulative_widths_share_the_pruned_network(tasks):
    by_key = {task.key: task for task in tasks}
    ends = [t for t in tasks if t.kind == "measure" and t.point.startswith("cumulative")]
    parents = {by_key[by_key[end.needs].needs].key for end in ends if end.point.endswith("s0")}
    assert len(ends) == 4
    assert len(parents) == 1


def test_the_keys_follow_what_decides_the_outcome(study):
    def keys(study, fingerprint="a"):
        return {task.key for task in plan(study, fingerprint=fingerprint) if task.kind == "train"}

    before = keys(study)
    assert keys(study) == before
    assert keys(study.model_copy(update={"name": "other"})) == before
    assert not keys(study, "b") & before
    more_bits = study.compression.model_copy(update={"bits": (2, 4, 8)})
    assert keys(study.model_copy(update={"compression": more_bits})) > before
    longer = study.training.model_copy(update={"epochs": 99})
    assert not keys(study.model_copy(update={"training": longer})) & before


def test_other_hardware_needs_prices_only(study, tasks):
    hardware = study.hardware.model_copy(update={"formats": ("CP",)})
    again = plan(study.model_copy(update={"hardware": hardware}), fingerprint="f" * 64)
    new = {task.key for task in again} - {task.key for task in tasks}
    assert {task.kind for task in again if task.key in new} == {"price"}


def test_the_strategies_are_the_published_ones():
    study = StudyFile(
        training={"lr": 1e-3},
        compression=CompressionSection(recipe="published", epochs=50, lr=None),
    )
    first, pruned, both = phases(study, Point("cumulative", 2, 0.8, 0))
    assert first.compression is None
    assert (pruned.epochs, both.epochs) == (25, 25)
    assert (pruned.compression.weight_bits, pruned.compression.sparsity) == (None, 0.8)
    assert (both.compression.weight_bits, both.compression.sparsity) == (2, 0.8)
    assert [p.lr for p in phases(study, Point("quantize", 2, 0.0, 0))] == [1e-3, 1e-4]


def test_phases_that_do_not_fit_are_refused_before_anything_runs():
    study = StudyFile(training={"epochs": 1, "warmup_epochs": 5})
    with pytest.raises(InputError, match="warmup_epochs"):
        plan(study, fingerprint="a")


def test_scope_and_initializer_reach_every_compressed_phase(study):
    axes = study.compression.model_copy(update={"scope": "lamp", "initializer": "mse"})
    asked = study.model_copy(update={"compression": axes})
    for point in grid(asked):
        for phase in phases(asked, point)[1:]:
            assert (phase.compression.scope, phase.compression.initializer) == ("lamp", "mse")


def test_an_initializer_the_quantizer_has_no_use_for_is_refused(study):
    axes = study.compression.model_copy(
        update={"bits": (2,), "quantizer": "twn", "initializer": "mse"}
    )
    with pytest.raises(InputError, match="twn sets its own range"):
        plan(study.model_copy(update={"compression": axes}), fingerprint="a")


def test_narrow_membranes_make_other_trainings_of_all_but_the_float_network(study):
    axes = study.compression.model_copy(update={"membrane_bits": 8})
    narrow = study.model_copy(update={"compression": axes})
    before, after = (
        [task.key for task in plan(each, fingerprint="a") if task.kind == "train"]
        for each in (study, narrow)
    )
    assert len(before) == len(after)
    assert len(set(before) & set(after)) == len(study.seeds)
    for phase in phases(narrow, Point("joint", 2, 0.5, 0))[1:]:
        assert phase.state.membrane_bits == 8


def test_what_came_later_does_not_change_the_keys_of_older_studies(study):
    for task in plan(study, fingerprint="a"):
        if task.kind == "train":
            assert all("state" not in phase for phase in task.recipe.phases)
