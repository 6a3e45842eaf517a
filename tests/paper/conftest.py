from dataclasses import replace

import pytest

from leanspike.paper.columns import published_column


@pytest.fixture(scope="session")
def published():
    return published_column()


@pytest.fixture(scope="session")
def exact(published):
    """A model that is exactly the published one."""
    return replace(published, title="exact model")
