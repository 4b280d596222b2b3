"""Photographs of three digits, and commands that run in their folder."""

import shlex

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from imprint import cli
from imprint.store.embeddings import read_embeddings
from tests.cli.commands import FM, NAMES, write_weights


@pytest.fixture
def run(capsys):
    """Run a command; returns its output, or its errors where `code` is not 0."""

    def run(command, code=0):
        with pytest.raises(SystemExit) as ended:
            cli.main(shlex.split(command))
        output = capsys.readouterr()
        assert ended.value.code == code, output.err
        return output.err if code else output.out

    return run


@pytest.fixture(scope="session")
def workdir(tmp_path_factory):
    """A folder with photos/, in one folder per class, new/ without classes, and a file of weights."""
    root = tmp_path_factory.mktemp("cli")
    digits = load_digits()
    number = {"zero": 0, "one": 1, "two": 2}
    for name in NAMES:
        for i, row in enumerate(np.flatnonzero(digits.target == number[name])[:30]):
            folder = root / "photos" / name if i < 20 else root / "new"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray((digits.images[row] * 15.9).astype("uint8")).resize((32, 32)).save(
                folder / f"{name}{i}.png"
            )
    write_weights(root)
    return root


@pytest.fixture
def imprint(workdir, monkeypatch, run):
    """Run a command in `workdir`."""
    monkeypatch.chdir(workdir)
    return run


@pytest.fixture
def embedded(imprint, workdir):
    """The embeddings of photos/, in photos.h5."""
    if not (workdir / "photos.h5").exists():
        imprint(f"embed photos -o photos.h5 {FM}")
    return read_embeddings(workdir / "photos.h5")
