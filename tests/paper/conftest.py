from dataclasses import replace

import pytest

from leanspike.paper.columns import published_column
from made_up_study import database, made, results  # noqa: F401  (fixtures)


@pytest.fixture(scope="session")
def published():
    return published_column()


@pytest.fixture(scope="session")
def exact(published):
    """A model that is exactly the published one."""
    return replace(published, title="exact model")
