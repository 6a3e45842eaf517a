"""optuna-dashboard reads a study's file: its own server, asked as a browser asks it."""

import io
import json

import optuna
import optuna_dashboard as dashboard
import pytest

import made_up_records as made_up
from leanspike.study import StudyFile
from leanspike.study.results.dashboard import show_in_optuna
from leanspike.study.results.results import Results
from leanspike.study.work.store import Store


def asked(app, path):
    """Ask a WSGI application for a path; return what its JSON says."""
    status = []
    environment = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "here",
        "SERVER_PORT": "80", "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }  # fmt: skip
    body = b"".join(app(environment, lambda line, headers, error=None: status.append(line)))
    assert status[0].startswith("200"), body
    return json.loads(body)


@pytest.mark.filterwarnings("ignore")
def test_its_server_lists_the_study_in_the_file(tmp_path):
    path = tmp_path / "study.db"
    store = Store(path, create=True)
    store.begin(StudyFile(name="seen"), [], data=made_up.data(), provenance=made_up.PROVENANCE)
    store.close()
    show_in_optuna(Results.load(path))
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    (study,) = asked(dashboard.wsgi(storage), "/api/studies")["study_summaries"]
    assert study["study_name"] == "seen"
    assert study["directions"] == ["maximize", "minimize"]
