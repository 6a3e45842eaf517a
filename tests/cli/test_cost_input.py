"""`leanspike cost` on workload files that cannot be used: one line, status 2, no traceback."""

import pytest

from leanspike.cli.main import run

HEADER = "name,weights,inputs,outputs,T,C,M,P,Q,R,S,HS,WS"
ROW = "conv,0.3,0.1,0.2,2,2,4,8,8,3,3,1,1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{HEADER}\n{ROW.replace('0.3', '1.2')}\n", ("row 2", "weights", "1.2")),
        (f"{HEADER}\n{ROW.replace('0.1', 'nan')}\n", ("row 2", "inputs", "nan")),
        (f"{HEADER.replace('inputs,', '')}\n{ROW.replace('0.1,', '')}\n", ("inputs",)),
        (f"{HEADER}\n{ROW.rsplit(',', 1)[0]}\n", ("row 2",)),
        (f"{HEADER}\n", ()),
        ("", ()),
    ],
)
def test_a_bad_workload_csv_names_file_and_place(tmp_path, capsys, text, says):
    path = tmp_path / "layers.csv"
    path.write_text(text)
    assert run(["cost", str(path)]) == 2
    out, err = capsys.readouterr()
    assert "layers.csv" in err
    assert "Traceback" not in out + err
    for part in says:
        assert part in err


def test_a_workload_that_is_not_there(tmp_path, capsys):
    assert run(["cost", str(tmp_path / "none.csv")]) != 0
    assert "none.csv" in capsys.readouterr().err
