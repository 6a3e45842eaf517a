import json
import sqlite3

import pytest

import made_up_records as made_up
from leanspike.errors import InputError
from leanspike.study import Results
from leanspike.study.plan.tasks import Proposal, Task, plan
from leanspike.study.records import (
    Cost,
    LayerPrice,
    MeasureResult,
    PriceResult,
    ProposeRecipe,
    Trial,
    plain,
    read,
)


def through_json(record):
    return read(type(record), json.loads(json.dumps(plain(record))), where="x.db")


def test_records_come_back_from_json_as_they_were(tasks):
    layers = (LayerPrice("conv1", 4.0, 10.0, 5.0, {"DRAM": 4.0}, ("M=2",)),)
    for record in (
        *tasks,
        made_up.measured((True, False), [made_up.weights()]),
        PriceResult((Cost("chip", "RLE", "mean", None, 4.0, 10.0, 5e-8, 2e-19, layers),)),
        ProposeRecipe("explore-1", {"method": "tpe"}, {}, {}, turn=0, count=2, seed=0),
        Proposal(("conv1",), (Trial(0, (1,), None, 0.1, 2.0, sampler={"a": 1}),), tuple(tasks[:4])),
    ):
        assert through_json(record) == record


def test_what_came_later_is_left_out_where_unused():
    recipe = ProposeRecipe("explore-1", {}, {}, {}, turn=0, count=2, seed=0)
    assert "membrane_bits" not in plain(recipe)
    assert "notes" not in plain(LayerPrice("conv1", 4.0, 10.0, 5.0, {}))


def test_measurements_of_the_first_version_are_readable():
    old = plain(made_up.measured((True, False), [made_up.weights()]))
    for later in ("quantized", "trained", "data", "provenance"):
        del old[later]
    found = read(MeasureResult, old, where="x.db")
    assert found.has_own_bits
    assert found.trained is None


def test_an_unreadable_record_is_one_error_that_names_it(tmp_path, study, begin, tasks):
    begin(tmp_path / "study.db", study).close()
    key = next(task.key for task in tasks if task.kind == "measure")
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute(
            "update leanspike_task set state = 'done', result = '{\"right\": 3}' where key = ?",
            (key,),
        )
    connection.close()
    with pytest.raises(InputError, match=rf"study\.db, {key}, MeasureResult: right: .*string"):
        Results.load(tmp_path / "study.db")
    with pytest.raises(InputError, match=r"x\.db, recipe, TrainRecipe: phases"):
        read(Task, {**plain(tasks[0]), "recipe": {"seed": 0}}, where="x.db")


def test_a_plan_reads_back_equal_so_that_keys_stay(study, tasks):
    assert plan(study, fingerprint="f" * 64) == tasks
    assert tuple(through_json(task) for task in tasks) == tasks
