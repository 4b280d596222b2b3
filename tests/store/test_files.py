"""Files are whole or not there, and say where they come from."""

import json
import os
import resource
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from imprint.errors import UserError
from imprint.method.proxies import ProxySet
from imprint.store.embeddings import read_embeddings
from imprint.store.files import _Lenient, atomic, new_hdf5, provenance_json
from imprint.store.frames import read_parquet, write_parquet
from imprint.store.proxies import read_proxies, write_proxies


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_success_replaces_the_file_and_makes_its_folder(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomic(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"


def test_proxies_come_back_as_they_were(tmp_path):
    path = tmp_path / "p.h5"
    values = ProxySet(np.array([0, 1]), values=np.eye(2, 3, dtype=np.float32), seconds=0.5)
    samples = ProxySet(np.array([0, 1, 1]), samples=np.array([4, 2, 3]))
    sets = {
        ("2", "none", 1, 0): values,
        ("2", "none", 2, 0): values,
        ("all", "l2", 1, 0): samples,
    }
    write_proxies(path, sets, provenance_json(fm="f"))
    back = read_proxies(path)
    assert set(back) == set(sets)
    np.testing.assert_array_equal(back["2", "none", 1, 0].values, values.values)
    np.testing.assert_array_equal(back["all", "l2", 1, 0].samples, samples.samples)
    assert back["2", "none", 1, 0].seconds == 0.5
    assert set(read_proxies(path, ["all"])) == {("all", "l2", 1, 0)}
    with h5py.File(path) as file:
        assert json.loads(file.attrs["provenance"])["fm"] == "f"


def test_sample_proxies_are_rows_of_the_training_set():
    train = np.arange(12, dtype=np.float32).reshape(6, 2)
    np.testing.assert_array_equal(
        ProxySet(np.array([0]), samples=np.array([5])).matrix(train), [[10, 11]]
    )


def test_a_table_carries_its_provenance(tmp_path):
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"fm": pd.Categorical(["a", "b"]), "k": pd.array([1, None], "Int64")})
    write_parquet(path, frame, provenance_json(task="t"))
    pd.testing.assert_frame_equal(read_parquet(path), frame)
    assert json.loads(pq.read_schema(path).metadata[b"provenance"])["task"] == "t"


@pytest.mark.parametrize("content", [None, b"", b"nothing of the kind"])
def test_unreadable_files_are_named(tmp_path, content):
    for read, name in (
        (read_parquet, "t.parquet"),
        (read_proxies, "p.h5"),
        (read_embeddings, "e.h5"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError, match=name):
            read(path)


def embeddings(path, x, **leave_out):
    with h5py.File(path, "w") as file:
        file["embeddings"], file["labels"] = x, np.zeros(len(x), int)
        file["ids"] = [f"s{i}" for i in range(len(x))]
        file.attrs["class_names"], file.attrs["provenance"] = '["a"]', "{}"
        for name in leave_out:
            del file[name]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_named_with_their_sample(tmp_path, bad):
    x = np.ones((4, 3), np.float32)
    x[2, 1] = bad
    embeddings(tmp_path / "e.h5", x)
    with pytest.raises(
        UserError, match=r"1 of 4 embeddings hold NaN or infinity, the first is row 2 \('s2'\)"
    ):
        read_embeddings(tmp_path / "e.h5")


def test_a_file_that_is_no_embeddings_file_is_named(tmp_path):
    embeddings(tmp_path / "e.h5", np.ones((2, 2)), labels=True)
    with pytest.raises(UserError, match="no dataset 'labels'"):
        read_embeddings(tmp_path / "e.h5")


@pytest.mark.parametrize("room", [0, 2_000, 20_000, 90_000])
def test_a_full_disk_is_an_error_of_python(tmp_path, room):
    """HDF5 that fails to close a file would end the process."""
    path = tmp_path / "x.h5"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large.*x\.h5"), new_hdf5(path) as file:
            file.create_dataset(
                "rows", data=np.zeros((100, 100)), chunks=(10, 100), fletcher32=True
            )
            for number in range(20):
                file[f"group{number}/labels"] = np.arange(100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_what_could_not_be_written_reads_as_zeros(tmp_path):
    """HDF5 reads parts of a file again; of a short read it would use whatever is in memory."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with _Lenient(tmp_path / "x", "w+") as disk:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4, limits[1]))
        try:
            disk.write(b"abcdefgh")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        buffer = bytearray(b"U" * 8)
        disk.seek(0)
        assert disk.readinto(buffer) == 8
    assert buffer == b"abcd\0\0\0\0"


PRESSED = """
import itertools, signal, sys, time
from pathlib import Path
import numpy as np
from imprint.interrupts import ignored_interrupts_again
from imprint.store.files import new_hdf5, write_text

def hdf5():
    with new_hdf5("x") as file:
        file.create_dataset("labels", data=np.arange(36), fletcher32=True)
        file["ids"] = ["a", "b"]

def text():
    write_text("x", "whole")

def presses(frame, event, _):
    global left
    if event == "call":
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGINT)

write = globals()[sys.argv[1]]
write()
whole = Path("x").read_bytes()
signal.signal(signal.SIGINT, signal.default_int_handler)
for calls in itertools.count(1):
    Path("x").unlink()
    left = calls
    try:
        with ignored_interrupts_again():
            sys.setprofile(presses)
            write()
            sys.setprofile(None)
            if left > 0:
                break
            time.sleep(60)  # until it is raised again
    except KeyboardInterrupt:
        sys.setprofile(None)
    else:
        sys.exit(f"lost in call {calls}")
    files = list(Path().iterdir())
    assert all(file.name == "x" and file.read_bytes() == whole for file in files), (calls, files)
    write()
print(calls)
"""


@pytest.mark.parametrize("writer", ["hdf5", "text"])
def test_ctrl_c_at_any_moment_ends_the_writing(tmp_path, writer):
    """In a call from HDF5 it ended in an error, in a sealed file with zeros in place of values, or was ignored."""
    command = [sys.executable, "-c", PRESSED, writer]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert int(ended.stdout) > 20


def test_files_get_the_permissions_of_the_users_other_files(tmp_path):
    before = os.umask(0o027)
    try:
        with new_hdf5(tmp_path / "a.h5") as file:
            file["labels"] = np.arange(3)
        write_parquet(tmp_path / "a.parquet", pd.DataFrame({"k": [1]}), provenance_json())
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}
