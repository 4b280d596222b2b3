"""Threads and processes read the same images, and reader processes end with their parent."""

import subprocess
import sys
import time
from multiprocessing import active_children

import pytest
import torch

from imprint.errors import UserError
from imprint.fm.loading import batches
from imprint.fm.readers import ReaderImages, Readers
from imprint.store.embeddings import read_embeddings
from tests.fm.extraction import extract


def loaded(readers, size):
    pixels, unread = [], {}
    for _, x, reasons in batches(readers, size, ahead=2):
        unread |= reasons
        if x is not None:
            pixels.append(x)
    return torch.cat(pixels), unread


@pytest.mark.parametrize(("count", "processes"), [(1, False), (3, False), (3, True), (30, True)])
def test_whoever_reads_gives_the_same(embedder, folder, count, processes):
    (folder.folder / "07.png").write_text("this is not an image")
    (folder.folder / "08.png").unlink()
    with Readers(ReaderImages(folder, embedder.transform), 0) as alone:
        expected, reasons = loaded(alone, 6)
    with Readers(ReaderImages(folder, embedder.transform), count, processes) as readers:
        pixels, unread = loaded(readers, 6)
        assert readers.defects(range(20)).result() == reasons
    assert torch.equal(pixels, expected)
    assert len(pixels) == 18
    assert unread == reasons
    assert list(unread) == [7, 8]


def test_extraction_by_processes_has_the_bytes_of_one_by_threads(
    embedder, folder, tmp_path, monkeypatch
):
    """As beside a GPU, but for the device."""

    class Forked(Readers):
        def __init__(self, source, count, processes):
            super().__init__(source, count, True)
            assert self._processes

    options = {"device": "cpu", "threads": 3, "batch_size": 6}
    extract(embedder, folder, tmp_path / "threads.h5", **options)
    monkeypatch.setattr("imprint.fm.extract.Readers", Forked)
    extract(embedder, folder, tmp_path / "processes.h5", **options)
    assert (tmp_path / "processes.h5").read_bytes() == (tmp_path / "threads.h5").read_bytes()
    assert len(read_embeddings(tmp_path / "processes.h5").x) == 20


def test_images_in_memory_need_no_processes(embedder, images):
    with Readers(ReaderImages(images, embedder.transform), 3, processes=True) as readers:
        assert isinstance(readers.pixels(range(2)).result()[0], torch.Tensor), "it was not sent"


def test_a_killed_reader_process_is_reported(embedder, folder):
    with (
        pytest.raises(UserError, match="memory"),
        Readers(ReaderImages(folder, embedder.transform), 2, processes=True) as readers,
    ):
        for process in active_children():
            process.kill()
        loaded(readers, 6)


PARENT = """
import sys, time
from multiprocessing import active_children
from pathlib import Path
import numpy as np
from imprint.data.images import Images
from imprint.fm.readers import Readers, ReaderImages
from imprint.fm.transforms import Transform
images = Images(np.zeros(1, int), ["00.png"], ("a",), folder=Path(sys.argv[1]))
with Readers(ReaderImages(images, Transform((16, 16), (16, 16))), 2, processes=True) as readers:
    readers.pixels(range(1)).result()
    print(*(process.pid for process in active_children()), flush=True)
    time.sleep(300)
"""


def test_processes_end_with_the_job_that_is_killed(folder):
    job = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder.folder)], stdout=subprocess.PIPE, text=True
    )
    pids = [int(pid) for pid in job.stdout.readline().split()]
    assert len(pids) == 2
    assert all(map(runs, pids))
    job.kill()
    job.wait()
    end = time.monotonic() + 120
    while any(map(runs, pids)):
        assert time.monotonic() < end, "they still wait for work"
        time.sleep(0.1)


def runs(pid):
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
