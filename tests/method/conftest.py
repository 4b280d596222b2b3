"""Fixtures of several tests of methods."""

import pytest

from imprint.method.user_files import REGISTRIES, load_file
from tests.method.threads import one_thread as on_one_thread


@pytest.fixture
def one_thread():
    """Run on one thread."""
    with on_one_thread():
        yield


@pytest.fixture
def load(tmp_path):
    """Loads a file with this text; what it registers is taken back afterwards."""
    before = [set(registry) for registry in REGISTRIES]

    def write(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(text)
        load_file(path)
        return path

    yield write
    for registry, names in zip(REGISTRIES, before, strict=True):
        for name in set(registry) - names:
            registry.remove(name)
