from pathlib import Path

import pytest

from leanspike.errors import InputError
from leanspike.spec import MAX_BYTES, Spec, load_yaml, read_spec


class Part(Spec):
    depth: int


class Whole(Spec):
    name: str
    parts: tuple[Part, ...]


def test_reads_what_it_describes(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("base: &b {depth: 3}\nname: x\n")
    assert load_yaml(path) == {"base": {"depth": 3}, "name": "x"}
    path.write_text("name: x\nparts: [&a {depth: 3}, *a]\n")
    assert read_spec(Whole, path) == Whole(name="x", parts=(Part(depth=3), Part(depth=3)))


BOMB = "a: &a [x, x]\n" + "".join(
    f"{letter}: &{letter} [{','.join(['*' + before] * 10)}]\n"
    for before, letter in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "name: x\nparts: [{depth: 1}, {dept: 1}]",
            "a.yaml, parts[1].dept: unknown key (did you mean 'depth'?)",
        ),
        ("name: x\nparts: [{depth: 1.5}]", "a.yaml, parts[0].depth: found 1.5"),
        ("name: x\nparts: [3]", "a.yaml, parts[0]: found 3"),
        ("parts: []", "a.yaml, name: missing. Keys of Whole: name, parts"),
        ("", "a.yaml: found None, expected keys and values"),
        ("[1, 2]", "a.yaml: found [1, 2], expected keys and values"),
        ("1: 2", "a.yaml: found the key 1, expected a name"),
        ("name: x\nname: y", "a.yaml, line 2: the key 'name' twice"),
        ("name: [", "a.yaml, line 1: not valid YAML"),
        ("name: \x1f", "a.yaml: not valid YAML: unacceptable character"),
        ("name: 2020-99-99", "not valid YAML"),
        ("name: !!python/object/apply:os.system [ls]", "not valid YAML"),
        ("name: &a [*a]", "a.yaml, line 1: refers to itself"),
        (BOMB, "a.yaml: grows beyond 200000 nodes"),
        ("[" * 5000, "a.yaml: nested too deeply"),
        ("x" * (MAX_BYTES + 1), f"a.yaml: larger than {MAX_BYTES} bytes"),
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_spec(Whole, path)
    assert said in str(caught.value)


def test_not_text_and_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        load_yaml(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_yaml(tmp_path)


def test_a_key_that_is_no_text_is_named_wherever_it_stands(tmp_path):
    class Inner(Spec):
        depth: int

    class Outer(Spec):
        inner: dict[str, Inner]

    path = tmp_path / "a.yaml"
    path.write_text("inner: {a: {depth: 1, 3: 4}}")
    with pytest.raises(InputError, match=r"a\.yaml, inner\.a: found the key 3, expected a name"):
        read_spec(Outer, path)
    path.write_text("3: 4")
    with pytest.raises(InputError, match=r"a\.yaml: found the key 3, expected a name"):
        read_spec(Outer, path)
