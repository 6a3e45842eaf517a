"""The model card says what the study knows of a network."""

import pytest

from leanspike.study import StudyFile
from leanspike.study.results.model_card import model_card
from leanspike.study.results.results import Results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    from made_up_study import make

    return Results.load(make(tmp_path_factory.mktemp("card") / "study.db", StudyFile()))


def test_every_number_is_the_study_s(results):
    point = next(p for p in results.priced if p.point.setting == "cumulative 2b 80%")
    card = model_card(results, point)
    assert card.startswith("# cumulative 2b 80%, seed 0\n")
    assert "2-bit weights, 80 % of them pruned" in card
    assert f"{100 * point.accuracy:.2f} % of 400 test recordings" in card
    assert point.measured.sha256 in card
    for cost in point.costs:
        if cost.flipped is None:
            assert f"| {cost.architecture} | {cost.format} | {cost.statistic} |" in card
    for layer in point.layers:
        assert f"| {layer.name} | {layer.weights:,} | 2 |" in card


def test_the_frame_has_a_row_for_each_reading_and_layer(results):
    pandas = pytest.importorskip("pandas")
    frame = results.frame()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == sum(len(point.costs) for point in results.priced)
    main = frame[(frame.architecture == "eyeriss_snn") & (frame.format == "RLE")
                 & (frame.statistic == "mean") & frame.assumption.isna()]  # fmt: skip
    assert set(main.setting) == {point.point.setting for point in results.priced}
    by_layer = results.frame(layers=True)
    one = by_layer[(by_layer.setting == "float") & (by_layer.architecture == "event_driven")]
    assert list(one.layer) == [layer.name for layer in results.priced[0].layers]
    total = frame[(frame.setting == "float") & (frame.architecture == "event_driven")].energy_pj
    assert one.energy_pj.sum() == pytest.approx(total.item())
