"""MNIST-M in its two layouts, and its download from a server of the test's."""

import hashlib
import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from imprint.data import mnist_m, sources
from imprint.errors import UserError
from tests.server import serving


def test_mnist_m_in_both_layouts(tmp_path):
    top = tmp_path / "data/MNIST-M"
    top.mkdir(parents=True)
    array = torch.randint(0, 256, (3, 28, 28, 3), dtype=torch.uint8)
    torch.save((array, torch.tensor([3, 1, 4])), top / "mnist_m_train.pt")
    (top / "mnist_m_test").mkdir()
    Image.new("RGB", (6, 4), (7, 7, 7)).save(top / "mnist_m_test/00000000.png")
    (top / "mnist_m_test_labels.txt").write_text("00000000.png 5\n")
    sources.prepare("mnist_m", {"root": str(tmp_path / "data")}, tmp_path / "prepared")
    train, test = (sources.open_split(tmp_path / "prepared", split) for split in ("train", "test"))
    assert train.labels.tolist() == [3, 1, 4]
    np.testing.assert_array_equal(train.array, array)
    assert test.labels.tolist() == [5]
    assert test[0].getpixel((0, 0)) == (7, 7, 7)
    with pytest.raises(UserError, match=r"mnist_m_train\.pt"):
        sources.prepare("mnist_m", {"root": str(tmp_path / "nowhere")}, tmp_path / "other")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """MNIST-M on a server: its folder, and the list of files that were asked for."""
    folder, paths = tmp_path / "server", {}
    folder.mkdir()
    for split, count in (("train", 5), ("test", 3)):
        buffer = io.BytesIO()
        torch.save((torch.full((count, 28, 28, 3), 9).byte(), torch.arange(count)), buffer)
        paths[split] = folder / f"mnist_m_{split}.pt.tar.gz"
        with tarfile.open(paths[split], "w:gz") as archive:
            entry = tarfile.TarInfo(f"mnist_m_{split}.pt")
            entry.size = buffer.tell()
            archive.addfile(entry, io.BytesIO(buffer.getvalue()))
    with serving(folder) as (address, asked):
        archives = {
            split: (f"{address}/{path.name}", hashlib.md5(path.read_bytes()).hexdigest())
            for split, path in paths.items()
        }
        monkeypatch.setattr(mnist_m, "ARCHIVES", archives)
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield folder, asked


def test_the_download_is_prepared_as_any_other(server, tmp_path):
    sources.fetch("mnist_m", {}, tmp_path / "whole")
    assert sorted(path.name for path in (tmp_path / "whole/MNIST-M").iterdir()) == [
        "mnist_m_test.pt",
        "mnist_m_train.pt",
    ]
    sources.prepare("mnist_m", {"root": str(tmp_path / "whole")}, tmp_path / "prepared")
    assert sources.read_manifest(tmp_path / "prepared")["splits"] == {"train": 5, "test": 3}


def test_a_download_that_broke_off_goes_on(server, tmp_path):
    folder, asked = server
    archive = folder / "mnist_m_test.pt.tar.gz"
    content = archive.read_bytes()
    archive.unlink()
    with pytest.raises(UserError, match="404"):
        sources.fetch("mnist_m", {}, tmp_path / "whole")
    assert not (tmp_path / "whole").exists()
    unfinished = tmp_path / ".whole.part/MNIST-M"
    (unfinished / "mnist_m_train.pt").write_bytes(b"half")  # a kill while it was unpacked
    archive.write_bytes(content)
    asked.clear()
    sources.fetch("mnist_m", {}, tmp_path / "whole")
    assert asked == [archive.name]
    sources.prepare("mnist_m", {"root": str(tmp_path / "whole")}, tmp_path / "prepared")
    assert not unfinished.exists()


def test_a_wrong_file_on_the_server_is_no_dataset(server, tmp_path):
    folder, asked = server
    with open(folder / "mnist_m_train.pt.tar.gz", "ab") as file:
        file.write(b"more")
    with pytest.raises(UserError, match=r"could not be downloaded.*hash"):
        sources.fetch("mnist_m", {}, tmp_path / "whole")
    assert len(asked) == 3
    assert not (tmp_path / "whole").exists()


def test_without_a_network_it_says_what_to_put_where(tmp_path, monkeypatch):
    archives = {s: (f"http://127.0.0.1:9/{s}.tar.gz", "0" * 32) for s in ("train", "test")}
    monkeypatch.setattr(mnist_m, "ARCHIVES", archives)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(UserError, match=r"refused.*get http://.*folder MNIST-M.*as `root`"):
        sources.fetch("mnist_m", {}, tmp_path / "p")
