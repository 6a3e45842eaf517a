import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.study.file.study_file import StudyFile


def written(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    return path


def test_the_default_is_the_promised_grid():
    study = StudyFile()
    assert study.data.source == "digits-dvs"
    assert study.compression.bits == (2, 3, 8)
    assert study.compression.pruning == (0.0, 0.8, 0.95)
    assert set(study.compression.strategies) == {"quantize", "prune", "cumulative"}
    assert study.compression.recipe == "best"


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path):
    study = StudyFile.load(written(tmp_path, "compression: {bits: [2, 4]}\nseeds: [0, 1]\n"))
    assert study.compression.bits == (2, 4)
    assert study.seeds == (0, 1)
    assert study.training == StudyFile().training


@pytest.mark.parametrize(
    "text",
    ["{scope: global}", "{quantizer: lsq}", "{warmup_epochs: 0}", "{strategies: [joint]}"],
)
def test_a_file_of_before_there_were_recipes_means_the_published_one(tmp_path, text):
    found = StudyFile.load(written(tmp_path, f"compression: {text}\n")).compression
    assert (found.recipe, found.epochs, found.lr, found.control) == ("published", 4, 1e-2, False)
    assert StudyFile(compression={"recipe": "best", "scope": "erk"}).compression.control


def test_plain_data_makes_the_same_study():
    study = StudyFile(name="x", seeds=(3,), hardware={"formats": ["CP"]})
    assert StudyFile(**study.plain()) == study
    assert StudyFile(**yaml.safe_load(yaml.safe_dump(study.plain()))) == study


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("compresion: {}", ["study.yaml", "compresion", "unknown key", "compression"]),
        ("compression: {bit: [2]}", ["study.yaml", "compression.bit", "unknown key", "'bits'"]),
        ("compression: {bits: [two]}", ["compression.bits[0]", "'two'"]),
        ("compression: {bits: [17]}", ["compression.bits[0]", "17", "16"]),
        ("compression: {pruning: [1.0]}", ["compression.pruning[0]", "1.0", "less than 1"]),
        ("compression: {bits: [2, 2]}", ["compression.bits", "2 is given twice"]),
        ("compression: {bits: []}", ["compression", "bits", "empty"]),
        ("compression: {pruning: [0]}", ["pruning", "above 0"]),
        ("compression: {strategies: [quantise]}", ["strategies[0]", "quantise", "quantize"]),
        (
            "compression: {recipe: best, strategies: [joint]}",
            ["compression.strategies", "'joint'", "cumulative"],
        ),
        ("seeds: []", ["seeds"]),
        ("hardware: {formats: [RLE, rle]}", ["hardware.formats[1]", "'rle'", "RLE"]),
        ("training: {epochs: 0}", ["training.epochs", "0", "1"]),
        ("training: {lr: .nan}", ["training.lr", "nan"]),
        ("- a list", ["study.yaml", "expected keys and values"]),
        ("a: [", ["study.yaml", "not valid YAML"]),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        StudyFile.load(written(tmp_path, text))
    for part in said:
        assert part in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.yaml"):
        StudyFile.load(tmp_path / "absent.yaml")


@given(st.text(max_size=200))
def test_any_text_is_a_study_or_an_input_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "s.yaml"
    path.write_text(text, encoding="utf-8", errors="ignore")
    with contextlib.suppress(InputError):
        StudyFile.load(path)


def test_the_documentation_shows_the_default_study():
    page = Path(__file__).parents[3] / "docs" / "study.md"
    block = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    assert StudyFile(**yaml.safe_load(block)) == StudyFile()
