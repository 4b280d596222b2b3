"""Downloads are retried and shared, and only complete ones are used."""

import errno
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from imprint.data import sources
from imprint.errors import UserError


def hub_error(status):
    """The error of Hugging Face's client for an answer of the hub."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError(
        "no", response=SimpleNamespace(status_code=status, headers={}, request=None)
    )


def test_a_download_that_fails_is_tried_again(tmp_path, monkeypatch, caplog):
    """Archives of an earlier attempt are kept, and the dataset gets its name once it is complete."""
    from urllib.error import HTTPError, URLError

    from torchvision import datasets

    calls, fails = [], [URLError("no route to host"), RuntimeError("File not found or corrupted.")]

    def mirror(root, download, train):
        assert download
        calls.append(train)
        if fails:
            raise fails.pop(0)
        (Path(root) / f"{train}").write_text("archive")

    monkeypatch.setattr("imprint.data.retries.PAUSES", (0, 0))
    monkeypatch.setattr(datasets, "MNIST", mirror)
    sources.fetch("torchvision", {"name": "MNIST"}, tmp_path / "whole")
    assert calls == [True, True, True, False]
    assert caplog.text.count("trying again") == 2
    assert sorted(path.name for path in (tmp_path / "whole").iterdir()) == ["False", "True"]

    for failure, tries in (
        (URLError("no route to host"), 3),
        (RuntimeError("File not found or corrupted."), 3),
        (RuntimeError("Error downloading x.gz:\nTried https://y, got:\nno route to host\n"), 3),
        (HTTPError("https://x", 404, "Not Found", None, None), 1),
        (HTTPError("https://x", 429, "Too Many Requests", None, None), 3),
        (RuntimeError("anything else"), 1),
    ):
        calls.clear()
        fails[:] = [failure] * 9
        with pytest.raises(
            UserError,
            match=r"(?s)could not be downloaded.*as `root`.*root/MNIST/raw.*from https://",
        ):
            sources.fetch("torchvision", {"name": "MNIST"}, tmp_path / "again")
        assert len(calls) == tries
        assert not (tmp_path / "again").exists()
    for status, tries in ((404, 1), (403, 1), (408, 3), (503, 3)):  # of Hugging Face's hub
        calls.clear()
        fails[:] = [hub_error(status)] * 9
        with pytest.raises(UserError, match="could not be downloaded"):
            sources.fetch("torchvision", {"name": "MNIST"}, tmp_path / "again")
        assert len(calls) == tries
    fails[:] = [OSError(errno.ENOSPC, "No space left on device")] * 9
    with pytest.raises(OSError, match="No space"):  # no matter of a network
        sources.fetch("torchvision", {"name": "MNIST"}, tmp_path / "again")


@pytest.fixture
def eurosat(monkeypatch):
    """A fake download of EuroSAT: an archive and six images in two classes. The disk is full after `room[0]` images."""
    from torchvision.datasets import eurosat

    room, fetched = [99], []

    def download(url, download_root, **_):
        archive = Path(download_root) / "EuroSAT.zip"
        if not archive.exists():
            fetched.append(url)
            archive.write_bytes(b"archive")
        for i in range(6):
            if i == room[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            file = Path(download_root) / f"2750/{'AB'[i // 3]}/{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (6, 4)).save(file)

    monkeypatch.setattr(eurosat, "download_and_extract_archive", download)
    return room, fetched


def test_a_half_unpacked_dataset_is_not_used(eurosat, tmp_path):
    """torchvision takes a dataset for complete as soon as its folder exists."""
    room, fetched = eurosat
    room[0] = 4
    with pytest.raises(OSError, match="No space"):
        sources.fetch("torchvision", {"name": "EuroSAT"}, tmp_path / "whole")
    assert not (tmp_path / "whole").exists()
    room[0] = 99
    sources.fetch("torchvision", {"name": "EuroSAT"}, tmp_path / "whole")
    assert len(fetched) == 1, "the archive was whole"
    sources.prepare(
        "torchvision", {"name": "EuroSAT", "root": str(tmp_path / "whole")}, tmp_path / "p"
    )
    manifest = sources.read_manifest(tmp_path / "p")
    assert sum(manifest["splits"].values()) == 6
    assert not list(tmp_path.glob(".*.part"))


def test_concurrent_fetches_share_one_download(eurosat, tmp_path):
    _, fetched = eurosat

    def fetch(name):
        sources.fetch("torchvision", {"name": "EuroSAT"}, tmp_path / name, tmp_path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fetch, "abcd"))
    assert len(fetched) == 1
    (shared,) = {(tmp_path / name / "eurosat").resolve() for name in "abcd"}
    assert shared.parents[1] == tmp_path / "downloads"
    fetch("a")  # again, over its own links
    shutil.rmtree(shared / "2750")
    root = tmp_path / "downloads" / "a"
    (tmp_path / "a").rename(root)
    with pytest.raises(UserError, match=f"delete {root} and {shared.parent} to download it again"):
        sources.prepare("torchvision", {"name": "EuroSAT", "root": str(root)}, tmp_path / "p")
    shutil.rmtree(root)
    shutil.rmtree(shared.parent)
    fetch("a")
    sources.prepare("torchvision", {"name": "EuroSAT", "root": str(tmp_path / "a")}, tmp_path / "p")
