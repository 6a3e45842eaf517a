"""Workers on a local Ray cluster of two nodes, one of which is stopped while the study runs."""

import io
import threading
import time
import warnings

import pytest

from leanspike.errors import InputError
from leanspike.study import StudyFile, run_study
from leanspike.study.results.results import Results
from leanspike.study.work.progress import PlainProgress
from leanspike.study.work.ray_workers import RayCluster, _room


@pytest.mark.parametrize(
    ("given", "said"),
    [({"cpus": 0}, "0 is not above 0"), ({"gpus": 1.5}, "1.5 is neither a fraction")],
)
def test_what_is_wrong_is_said(given, said):
    with pytest.raises(InputError, match=said):
        RayCluster("auto", **given)


def test_as_many_workers_as_there_is_room_for():
    resources = {"CPU": 16.0, "GPU": 2.0}
    assert _room(resources, RayCluster("auto")) == 16
    assert _room(resources, RayCluster("auto", cpus=4)) == 4
    assert _room(resources, RayCluster("auto", gpus=0.25)) == 8
    with pytest.raises(InputError, match="16 cores and 2 GPUs, one worker needs 32 and 0"):
        _room(resources, RayCluster("auto", cpus=32))


@pytest.fixture
def cluster(monkeypatch):
    """A head without cores, and two nodes of one core each."""
    pytest.importorskip("ray")
    # Ray's workers step back behind everything else on a machine; beside other tests they starve.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster

        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        nodes = [made.add_node(num_cpus=1) for _ in range(2)]
        made.wait_for_nodes()
        yield made, nodes
        made.shutdown()


@pytest.mark.filterwarnings("ignore")  # of Ray's own doing
@pytest.mark.timeout(560)
def test_a_study_survives_the_loss_of_a_node(cluster, tmp_path):
    made, nodes = cluster
    study = StudyFile(
        name="on ray",
        data={"limit": 60, "T": 3},
        network={"channels": 2, "hidden": 8},
        training={"epochs": 1, "warmup_epochs": 0},
        compression={
            "strategies": ["quantize"], "bits": [2, 3, 4, 8], "epochs": 2, "warmup_epochs": 0,
        },
        hardware={
            "architectures": ["event_driven"], "formats": ["RLE"], "statistics": ["mean"],
            "assumptions": False,
        },
        seeds=(0, 1),
    )  # fmt: skip
    stopped = []

    def stop_a_node():
        while not stopped:
            time.sleep(0.1)
            if not (tmp_path / "study.db").is_file():
                continue
            try:
                finished = len(Results.load(tmp_path).points)
            except (InputError, OSError):
                continue
            if finished >= 2:
                made.remove_node(nodes[0], allow_graceful=False)
                stopped.append(finished)

    stopping = threading.Thread(target=stop_a_node)
    stopping.start()
    results = run_study(
        study,
        out=tmp_path,
        ray=RayCluster(made.address),
        progress=PlainProgress(io.StringIO()),
    )
    stopping.join()
    assert stopped[0] < results.planned == 10
    assert len(results.priced) == 10
    names = [result.point.name for result in results.priced]
    assert len(set(names)) == 10
    assert results.failures == ()
