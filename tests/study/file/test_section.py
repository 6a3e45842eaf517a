import pytest

from leanspike.errors import InputError
from leanspike.study.file.study_file import SearchSection, StudyFile, ValueRange


def test_lists_and_ranges_name_the_choices():
    section = SearchSection(
        bits={"low": 2, "high": 8, "step": 2}, sparsity={"low": 0, "high": 0.9, "step": 0.3}
    )
    assert section.bits_choices == (2, 4, 6, 8)
    assert section.sparsity_choices == (0.0, 0.3, 0.6, 0.9)
    assert SearchSection(bits=[8, 2]).bits_choices == (2, 8)
    assert ValueRange(low=1, high=1, step=1).values == (1.0,)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"methd": "tpe"}, "search.methd: unknown key"),
        ({"method": "random"}, "search.method.*'random'"),
        ({"trainings": 0}, "search.trainings.*0"),
        ({"bits": []}, "search.bits: empty"),
        ({"bits": [2, 2]}, "search.bits: a value is given twice"),
        ({"bits": {"low": 2, "high": 3, "step": 0.5}}, "search.bits: expected whole numbers"),
        ({"bits": {"low": 2, "high": 20, "step": 2}}, "search.bits.*1 to 16"),
        ({"sparsity": {"low": 0.5, "high": 1.0, "step": 0.5}}, "search.sparsity.*below 1"),
        ({"sparsity": {"low": 0.9, "high": 0.1, "step": 0.1}}, "high 0.1 is below low 0.9"),
        ({"sparsity": {"low": 0, "high": 0.9, "step": 0.001}}, "more than 64 values"),
        ({"budget": "power <= 3 W"}, "search.budget.*'power'"),
        ({"budget": ["energy <= 1 mJ", "energy <= 2 mJ"]}, "energy is limited twice"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(given, said):
    with pytest.raises(InputError, match=said):
        StudyFile(search=given)


def test_no_strategy_is_for_searches_only():
    with pytest.raises(InputError, match=r"compression\.strategies: empty"):
        StudyFile(compression={"strategies": []})
    assert StudyFile(compression={"strategies": []}, search={}).search is not None
    plain = StudyFile(search={"budget": "energy <= 1 mJ"}).plain()
    assert StudyFile(**plain).plain() == plain
