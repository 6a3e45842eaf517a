import io

import pytest

from leanspike.study import StudyFile, run_study
from leanspike.study.progress import PlainProgress


@pytest.mark.timeout(280)
def test_a_study_on_two_devices_records_every_point_once(tmp_path):
    study = StudyFile(
        name="together",
        data={"limit": 40, "T": 3},
        network={"channels": 2, "hidden": 8},
        training={"epochs": 1, "warmup_epochs": 0, "accelerator": "cpu", "devices": 2},
        compression={
            "strategies": ["quantize"], "bits": [2], "epochs": 2, "warmup_epochs": 0,
        },
        hardware={
            "architectures": ["event_driven"], "formats": ["RLE"], "statistics": ["mean"],
            "assumptions": False,
        },
    )  # fmt: skip
    shown = io.StringIO()
    results = run_study(study, out=tmp_path, jobs=1, progress=PlainProgress(shown))
    assert [result.point.name for result in results.priced] == ["float-s0", "quantize-2b-s0"]
    assert results.failures == ()
    assert "[6/6]" in shown.getvalue()
    for result in results.priced:
        assert 0 <= result.validation_accuracy <= 1
        assert (tmp_path / result.record["checkpoint"]).is_file()
    assert not list(tmp_path.glob("trainings/*/together.json"))
    assert not list(tmp_path.glob("trainings/*/resume.ckpt"))
