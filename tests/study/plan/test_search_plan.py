from leanspike.study.file.study_file import StudyFile
from leanspike.study.plan.tasks import plan

PRINT = "f" * 64


def searching(**search):
    return StudyFile(compression={"strategies": []}, search=search, seeds=(3,))


def kinds(study):
    return [task.kind for task in plan(study, fingerprint=PRINT)]


def test_explore_then_propose_in_turns():
    study = searching(trainings=20, generation=8)
    assert kinds(study) == ["train", "measure", "price", "explore", *["propose"] * 3]
    tasks = plan(study, fingerprint=PRINT)
    assert [task.needs for task in tasks[3:]] == [tasks[0].key, *(t.key for t in tasks[3:-1])]
    assert [task.recipe.count for task in tasks[4:]] == [8, 8, 4]


def test_more_trainings_keep_the_turns_there_are():
    short = plan(searching(trainings=16, generation=8), fingerprint=PRINT)
    longer = plan(searching(trainings=32, generation=8), fingerprint=PRINT)
    assert [t.key for t in longer[: len(short)]] == [t.key for t in short]


def test_other_hardware_or_budgets_are_another_search_on_the_same_exploration():
    one = plan(searching(), fingerprint=PRINT)
    for other in (
        searching(budget=["energy <= 1 mJ"]),
        searching().model_copy(update={"hardware": StudyFile(
            hardware={"formats": ["CP"]}).hardware}),
    ):  # fmt: skip
        tasks = plan(other, fingerprint=PRINT)
        assert tasks[3].key == one[3].key
        assert tasks[4].key != one[4].key
