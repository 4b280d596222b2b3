"""A stopped extraction continues with the same bytes, and never with the work of another."""

import errno
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from imprint.errors import UserError
from imprint.fm.embedder import Embedder
from imprint.fm.journal import Journal
from imprint.fm.transforms import Transform
from tests.fm.extraction import extract


def stop_after(batches):
    """Raise KeyboardInterrupt, as Ctrl-C does, when so many batches are through."""
    left = [batches]

    def before(x):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    return before


def test_an_interrupted_extraction_goes_on_and_ends_with_the_same_bytes(embedder, images, tmp_path):
    extract(embedder, images, tmp_path / "whole.h5")
    embedder.body.before = stop_after(18)
    with pytest.raises(KeyboardInterrupt):
        extract(embedder, images, tmp_path / "e.h5")
    assert not (tmp_path / "e.h5").exists()
    assert (tmp_path / "e.h5.partial").stat().st_size > 512 * 12 * 4
    seen = []
    embedder.body.before = lambda x: seen.append(len(x))
    extract(embedder, images, tmp_path / "e.h5")
    assert sum(seen) == 700 - 512
    assert (tmp_path / "e.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert not (tmp_path / "e.h5.partial").exists()


@pytest.mark.parametrize("changed", ["weights", "precision", "transform", "images", "provenance"])
def test_a_partial_of_anything_else_is_not_continued(embedder, images, tmp_path, changed):
    embedder.body.before = stop_after(18)
    with pytest.raises(KeyboardInterrupt):
        extract(embedder, images, tmp_path / "e.h5")
    options, seen = {}, []
    if changed == "weights":
        embedder = Embedder(
            type(embedder.body)(seed=1), embedder.transform, {"source": "test", "model": "body"}
        )
    elif changed == "precision":
        options = {"precision": "bf16"}
    elif changed == "transform":
        embedder.transform = Transform((16, 16), (18, 18))
    elif changed == "images":
        images.array[699] += 1
    else:
        options = {"provenance": {"split": "test"}}
    embedder.body.before = lambda x: seen.append(len(x))
    extract(embedder, images, tmp_path / "e.h5", **options)
    assert sum(seen) == 700


def test_a_record_cut_off_by_a_kill_is_dropped_and_those_before_it_kept(tmp_path):
    program = """
        import os, signal, sys
        from pathlib import Path
        import numpy as np
        from imprint.fm.journal import Journal
        journal = Journal(Path(sys.argv[1]), "fingerprint", 4)
        journal.append(3, {1: "damaged"}, np.arange(8).reshape(2, 4))
        journal.append(2, {}, np.ones((2, 4)))
        size = Path(sys.argv[1]).stat().st_size
        journal.append(5, {}, np.zeros((5, 4)))
        os.truncate(sys.argv[1], size + 30)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "e.h5.partial"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), path], check=False)
    assert done.returncode == -9
    journal = Journal(path, "fingerprint", 4)
    assert journal.covered == 5
    journal.append(1, {}, np.full((1, 4), 7))
    (_, skipped, first), (_, _, second), (_, _, third) = journal.records()
    assert skipped == {1: "damaged"}
    np.testing.assert_array_equal(first, np.arange(8).reshape(2, 4))
    np.testing.assert_array_equal(second, np.ones((2, 4)))
    np.testing.assert_array_equal(third, np.full((1, 4), 7))
    journal.close()
    other = Journal(path, "another", 4)
    assert other.covered == 0
    other.close(discard=True)
    assert not path.exists()


def test_a_flipped_bit_ends_the_records(tmp_path):
    path = tmp_path / "e.h5.partial"
    journal = Journal(path, "fingerprint", 4)
    for _ in range(3):
        journal.append(1, {}, np.ones((1, 4)))
    journal.close()
    data = bytearray(path.read_bytes())
    data[-60] ^= 1
    path.write_bytes(data)
    journal = Journal(path, "fingerprint", 4)
    assert journal.covered == 1
    journal.close()


def replace(path):
    """Another file of the same name, size and time."""
    facts = path.stat()
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_an_image_that_was_replaced_does_not_continue_a_partial(
    embedder, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("imprint.fm.extract._BLOCK_SECONDS", 0)  # a record after every batch
    seen = []
    for changed, expected in ((False, 20 - 8), (True, 20)):
        embedder.body.before = stop_after(2)
        with pytest.raises(KeyboardInterrupt):
            extract(embedder, folder, tmp_path / "e.h5", batch_size=4)
        if changed:
            replace(folder.folder / "19.png")
        seen.clear()
        embedder.body.before = lambda x: seen.append(len(x))
        extract(embedder, folder, tmp_path / "e.h5", batch_size=4)
        assert sum(seen) == expected


def test_a_slow_model_is_recorded_before_its_chunk_is_full(embedder, images, tmp_path, monkeypatch):
    monkeypatch.setattr("imprint.fm.extract._BLOCK_SECONDS", 0)
    embedder.body.before = stop_after(4)
    with pytest.raises(KeyboardInterrupt):
        extract(embedder, images, tmp_path / "e.h5")
    seen = []
    embedder.body.before = lambda x: seen.append(len(x))
    monkeypatch.undo()
    extract(embedder, images, tmp_path / "e.h5")
    assert sum(seen) == 700 - 4 * 32
    extract(embedder, images, tmp_path / "whole.h5")
    assert (tmp_path / "e.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_what_a_kill_left_while_writing_is_removed(embedder, images, tmp_path):
    (tmp_path / ".e.h5.abc123.tmp.h5").write_bytes(b"half a file")
    (tmp_path / "..e.h5.measured.abc123.tmp.measured").write_bytes(b"half a note")
    (tmp_path / ".e2.h5.abc123.tmp.h5").write_bytes(b"of another output")
    extract(embedder, images, tmp_path / "e.h5")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".e2.h5.abc123.tmp.h5", "e.h5"]


def test_two_processes_do_not_write_the_same_rows(embedder, images, tmp_path):
    other = Journal(tmp_path / "e.h5.partial", "fingerprint", 12)
    other.append(1, {}, np.ones((1, 12)))
    with pytest.raises(UserError, match="another process"):
        extract(embedder, images, tmp_path / "e.h5")
    assert len(list(other.records())) == 1
    other.close()
    extract(embedder, images, tmp_path / "e.h5")


def test_the_lock_of_a_killed_extraction_is_free(tmp_path):
    program = """
        import os, signal, sys
        from pathlib import Path
        from imprint.fm.journal import Journal
        Journal(Path(sys.argv[1]), "fingerprint", 4)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "e.h5.partial"
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), path], check=False)
    Journal(path, "fingerprint", 4).close(discard=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failure", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_no_error(tmp_path, monkeypatch, failure):
    def flock(*_):
        raise OSError(failure, os.strerror(failure))

    monkeypatch.setattr("fcntl.flock", flock)
    journal = Journal(tmp_path / "e.h5.partial", "fingerprint", 4)
    journal.append(1, {}, np.ones((1, 4)))
    journal.close(discard=True)
    assert not list(tmp_path.iterdir())


def test_zeros_that_a_power_cut_leaves_at_the_end_are_dropped(tmp_path):
    journal = Journal(tmp_path / "e.partial", "print", 2)
    journal.append(2, {1: "torn"}, np.ones((1, 2), np.float32))
    journal.close()
    with open(tmp_path / "e.partial", "ab") as file:
        file.write(bytes(4096))
    journal = Journal(tmp_path / "e.partial", "print", 2)
    assert journal.covered == 2
    journal.close()
