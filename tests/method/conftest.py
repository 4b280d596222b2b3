"""Fixtures of several tests of methods."""

import pytest

from tests.method.threads import one_thread as on_one_thread


@pytest.fixture
def one_thread():
    """Run on one thread."""
    with on_one_thread():
        yield
