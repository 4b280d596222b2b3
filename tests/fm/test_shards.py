"""A split embedded in shards has the bytes of one embedded whole."""

import json

import h5py
import numpy as np
import pytest
import timm
import torch
from PIL import Image

from imprint.data.images import Images
from imprint.errors import UserError
from imprint.fm.embedder import Embedder, TimmFeatures
from imprint.fm.extract import extract_shard
from imprint.fm.extraction import Extraction
from imprint.fm.shards import join_shards
from imprint.fm.transforms import Transform
from tests.devices import GPU
from tests.fm.extraction import extract

SHARDS = (1, 2, 3, 5)


@pytest.fixture(scope="module")
def embedder():
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=4)
    rows = model.get_classifier().weight
    model.reset_classifier(0)
    identity = {"source": "test", "model": "test_resnet"}
    return Embedder(TimmFeatures(model), Transform((32, 32), (32, 32)), identity, rows)


@pytest.fixture
def in_memory():
    """Eleven batches of 32, classes mixed; not a multiple of the batch."""
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (327, 16, 16), dtype=np.uint8)
    ids = [f"{i:04d}" for i in range(len(array))]
    return Images(rng.integers(0, 3, len(array)), ids, ("a", "b", "c"), array)


@pytest.fixture
def in_a_folder(tmp_path):
    """Forty files, classes mixed, two of which cannot be read."""
    rng = np.random.default_rng(1)
    ids = [f"{i:02d}.png" for i in range(40)]
    (tmp_path / "files").mkdir()
    for name in ids:
        pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "files" / name)
    (tmp_path / "files" / "07.png").write_text("this is not an image")
    (tmp_path / "files" / "30.png").unlink()
    return Images(rng.integers(0, 3, 40), ids, ("a", "b", "c"), folder=tmp_path / "files")


def in_shards(embedder, images, folder, shards, *, batch_size=None, device="cpu", **options):
    """The file of a split that was embedded in shards, the last of them first."""
    paths = [folder / f"{i}-of-{shards}.rows" for i in range(1, shards + 1)]
    for i in range(shards, 0, -1):
        extraction = Extraction(embedder, images, paths[i - 1], **options)
        extract_shard(extraction, i, shards, batch_size=batch_size, device=device)
    output = folder / f"in-{shards}.h5"
    join_shards(Extraction(embedder, images, output, **options), paths)
    return output


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=GPU)])
@pytest.mark.parametrize("shards", SHARDS)
def test_images_in_memory_give_the_same_bytes(embedder, in_memory, tmp_path, shards, device):
    options = {"device": device, "batch_size": 32, "provenance": {"fm": "net"}}
    extract(embedder, in_memory, tmp_path / "whole.h5", **options)
    joined = in_shards(embedder, in_memory, tmp_path, shards, **options)
    assert joined.read_bytes() == (tmp_path / "whole.h5").read_bytes()


@pytest.mark.parametrize("shards", SHARDS)
def test_a_folder_with_unreadable_images_gives_the_same_bytes(
    embedder, in_a_folder, tmp_path, shards
):
    options = {"on_error": "skip", "dtype": "float16"}
    whole = tmp_path / "whole.h5"
    extract(embedder, in_a_folder, whole, device="cpu", batch_size=6, **options)
    joined = in_shards(embedder, in_a_folder, tmp_path, shards, batch_size=6, **options)
    assert joined.read_bytes() == whole.read_bytes()
    with h5py.File(joined) as file:
        assert file.attrs["skipped"] == 2
        skipped = json.loads(file.attrs["provenance"])["skipped_first"]
    assert set(skipped) == {"07.png", "30.png"}


def test_an_interrupted_shard_goes_on(embedder, in_memory, tmp_path, monkeypatch):
    whole, rows = tmp_path / "whole.h5", tmp_path / "rows"
    extract(embedder, in_memory, whole, device="cpu")
    forward, sizes = Embedder.forward, []

    def stopped(self, x):
        sizes.append(len(x))
        if sum(sizes) > 288:
            raise KeyboardInterrupt
        return forward(self, x)

    monkeypatch.setattr(Embedder, "forward", stopped)
    with pytest.raises(KeyboardInterrupt):
        extract_shard(Extraction(embedder, in_memory, rows), 1, 1, device="cpu")
    assert not rows.exists()
    sizes[:] = []
    extract_shard(Extraction(embedder, in_memory, rows), 1, 1, device="cpu")
    assert sum(sizes) == 327 - 256
    join_shards(Extraction(embedder, in_memory, tmp_path / "joined.h5"), [rows])
    assert (tmp_path / "joined.h5").read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"whole.h5", "rows", "joined.h5"}


def test_rows_of_several_chunks_do_not_depend_on_how_they_were_recorded(tmp_path):
    """A file of several HDF5 chunks, of a model that is wide and fast."""
    torch.manual_seed(0)
    body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3000))
    wide = Embedder(body, Transform((2, 2), (2, 2)), {"source": "test", "model": "wide"})
    array = np.random.default_rng(0).integers(0, 256, (400, 2, 2), dtype=np.uint8)
    images = Images(np.arange(400) // 200, [str(i) for i in range(400)], ("a", "b"), array)
    extract(wide, images, tmp_path / "whole.h5", device="cpu", batch_size=7)
    joined = in_shards(wide, images, tmp_path, 3, batch_size=7)
    assert joined.read_bytes() == (tmp_path / "whole.h5").read_bytes()


@pytest.mark.parametrize("fault", ["order", "damage", "precision", "missing part", "batch size"])
def test_shards_that_do_not_fit_together_are_refused_and_deleted(
    embedder, in_memory, tmp_path, fault
):
    paths = [tmp_path / name for name in ("one", "two")]
    for i, path in enumerate(paths):
        extract_shard(Extraction(embedder, in_memory, path), i + 1, 2, device="cpu")
    options, given = {}, paths
    if fault == "order":
        given = paths[::-1]
    elif fault == "damage":
        content = bytearray(paths[1].read_bytes())
        content[-1] ^= 1
        paths[1].write_bytes(content)
    elif fault == "precision":
        options = {"precision": "bf16"}
    elif fault == "missing part":
        given = paths[:1]
    else:
        second = Extraction(embedder, in_memory, paths[1])
        extract_shard(second, 2, 2, device="cpu", batch_size=25)
    with pytest.raises(UserError, match="run again"):
        join_shards(Extraction(embedder, in_memory, tmp_path / "e.h5", **options), given)
    assert not any(path.exists() for path in (*given, tmp_path / "e.h5"))


def test_where_no_image_can_be_read_the_next_run_reads_them_again(embedder, in_a_folder, tmp_path):
    for name in in_a_folder.ids:
        (in_a_folder.folder / name).write_text("no image")
    with pytest.raises(UserError, match="no image can be read"):
        in_shards(embedder, in_a_folder, tmp_path, 2, on_error="skip")
    assert {path.name for path in tmp_path.iterdir()} == {"files"}


def test_shards_count_from_one(embedder, in_memory, tmp_path):
    for shard in (0, 3):
        with pytest.raises(UserError, match=f"shard {shard} of 2"):
            extract_shard(Extraction(embedder, in_memory, tmp_path / "rows"), shard, 2)
