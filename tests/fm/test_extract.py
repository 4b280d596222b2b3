import json
import logging
import time
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from imprint.data.images import Images
from imprint.data.stores import Archives
from imprint.errors import UserError
from imprint.fm import compute
from imprint.store.block_cache import digest
from imprint.store.embeddings import read_embeddings
from tests.devices import GPU
from tests.fm.extraction import extract


def test_size_and_speed_go_to_the_log_without_the_first_batch(embedder, images, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="imprint")
    extract(embedder, images, tmp_path / "e.h5", device="cpu", threads=1, batch_size=100)
    measured = {}
    for record in caplog.records:
        measured |= getattr(record, "measured", {})
    assert measured.pop("seconds") > 0
    # 12 filters of 5 x 5 on 3 channels and their biases
    parameters = 12 * 75 + 12
    assert measured == {"parameters": parameters, "device": "cpu", "threads": 1, "images": 600}


def test_the_file_says_what_it_holds_and_where_from(embedder, images, tmp_path):
    extract(
        embedder,
        images,
        tmp_path / "e.h5",
        provenance={"fm": "body", "dataset": "d", "split": "train"},
    )
    read = read_embeddings(tmp_path / "e.h5")
    with torch.inference_mode():
        expected = embedder(
            embedder.transform.normalised(embedder.transform.batch_pixels(images.array))
        ).numpy()
    rows = np.concatenate([np.flatnonzero(images.labels == label) for label in range(3)])
    np.testing.assert_allclose(read.x, expected[rows], atol=1e-5)
    np.testing.assert_array_equal(read.y, images.labels[rows])
    assert read.ids.tolist() == [images.ids[row] for row in rows]
    assert read.class_names == images.class_names
    np.testing.assert_array_equal(read.fm_classifier, np.ones((3, 12)))
    about = read.provenance
    assert (about["fm"], about["dataset"], about["model"], about["precision"]) == (
        "body",
        "d",
        "body",
        "float32",
    )
    assert about["weights_sha256"] == embedder.identity["weights_sha256"]
    assert about["transform"]["size"] == [16, 16]
    with h5py.File(tmp_path / "e.h5") as file:
        assert file["embeddings"].chunks is None  # can be mapped
    assert [path.name for path in tmp_path.iterdir()] == ["e.h5"]


def test_files_and_arrays_give_the_same_embeddings(embedder, folder, tmp_path):
    array = np.stack([np.asarray(folder[i]) for i in range(len(folder))])
    extract(embedder, folder, tmp_path / "files.h5", threads=4, batch_size=6)
    extract(
        embedder,
        Images(folder.labels, folder.ids, folder.class_names, array),
        tmp_path / "array.h5",
    )
    a, b = (read_embeddings(tmp_path / name).x for name in ("files.h5", "array.h5"))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() > 0.999


@GPU
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float32", 1e-5), ("bf16", 2e-2), ("fp16", 2e-3)]
)
def test_a_gpu_gives_the_embeddings_of_the_processor(
    embedder, images, folder, tmp_path, precision, tolerance
):
    for name, source in {"array": images, "files": folder}.items():
        extract(embedder, source, tmp_path / f"{name}.cpu.h5", device="cpu")
        on_gpu = tmp_path / f"{name}.gpu.h5"
        extract(embedder, source, on_gpu, device="cuda", precision=precision, threads=3)
        expected, embeddings = (
            read_embeddings(path) for path in (tmp_path / f"{name}.cpu.h5", on_gpu)
        )
        np.testing.assert_allclose(embeddings.x, expected.x, atol=tolerance)
        assert embeddings.ids.tolist() == expected.ids.tolist()


@GPU
def test_a_batch_that_a_gpu_cannot_hold_is_halved(embedder, images, tmp_path, caplog):
    """The error is that of the driver, not one of a test double."""
    free = torch.cuda.mem_get_info()[0]
    embedder.body.before = lambda x: torch.empty(
        len(x), free // 20, dtype=torch.uint8, device="cuda"
    )
    extract(embedder, images, tmp_path / "e.h5", device="cuda", batch_size=32)
    assert "going on with 16" in caplog.text


def test_too_large_a_batch_is_halved_until_it_fits(embedder, images, tmp_path, caplog):
    extract(embedder, images, tmp_path / "small.h5", batch_size=4)
    sizes = []

    def before(x):
        sizes.append(len(x))
        if len(x) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    embedder.body.before = before
    extract(embedder, images, tmp_path / "e.h5", batch_size=32)
    assert sizes[:4] == [32, 16, 8, 4]
    assert max(sizes[4:]) == 4
    assert "going on with 4" in caplog.text
    a, b = (read_embeddings(tmp_path / name) for name in ("small.h5", "e.h5"))
    np.testing.assert_allclose(a.x, b.x, atol=1e-6)


def test_one_image_that_does_not_fit_and_other_failures_are_not_retried(embedder, images, tmp_path):
    def fail(text):
        def before(x):
            raise RuntimeError(text)

        return before

    embedder.body.before = fail(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    )
    with pytest.raises(UserError, match="one image"):
        extract(embedder, images, tmp_path / "e.h5")
    embedder.body.before = fail("shapes do not match")
    with pytest.raises(RuntimeError, match="shapes"):
        extract(embedder, images, tmp_path / "e.h5")


@pytest.mark.parametrize("threads", [1, 4])
def test_a_damaged_image_is_named_or_left_out(embedder, folder, tmp_path, threads, caplog):
    whole = (folder.folder / "07.png").read_bytes()
    (folder.folder / "07.png").write_bytes(whole[: len(whole) // 2])
    (folder.folder / "11.png").write_text("this is not an image")
    (folder.folder / "12.png").unlink()
    advice = "`on_error: skip` of a dataset of your own images"
    with pytest.raises(UserError, match=rf"(?s)files/07\.png.*truncated.*{advice}"):
        extract(embedder, folder, tmp_path / "e.h5", threads=threads)
    extract(embedder, folder, tmp_path / "e.h5", threads=threads, on_error="skip", batch_size=3)
    read = read_embeddings(tmp_path / "e.h5")
    kept = [i for i in range(20) if i not in (7, 11, 12)]
    assert read.ids.tolist() == [folder.ids[i] for i in kept]
    np.testing.assert_array_equal(read.y, folder.labels[kept])
    with torch.inference_mode():
        expected = torch.cat([embedder(embedder.transform(folder[i])[None]) for i in kept]).numpy()
    np.testing.assert_allclose(read.x, expected, atol=1e-5)
    with h5py.File(tmp_path / "e.h5") as file:
        assert file.attrs["skipped"] == 3
        assert set(json.loads(file.attrs["provenance"])["skipped_first"]) == {
            "07.png",
            "11.png",
            "12.png",
        }
    assert "11.png" in caplog.text
    assert "3 of 20 images skipped" in caplog.text


def test_a_folder_without_a_readable_image_is_an_error_each_time(embedder, folder, tmp_path):
    for name in folder.ids:
        (folder.folder / name).write_text("no image")
    for _ in range(2):
        with pytest.raises(UserError, match="no image can be read"):
            extract(embedder, folder, tmp_path / "e.h5", on_error="skip")
    assert not (tmp_path / "e.h5").exists()


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_close(embedder, images, tmp_path, precision):
    extract(embedder, images, tmp_path / "full.h5")
    extract(embedder, images, tmp_path / "half.h5", precision=precision)
    a, b = (read_embeddings(tmp_path / name).x for name in ("full.h5", "half.h5"))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert not np.array_equal(a, b)
    assert cosine.min() > 0.999


def test_an_embedding_that_is_not_finite_names_its_image(embedder, images, tmp_path):
    def before(x):
        if len(x) != 32:  # the last batch
            embedder.body.conv.weight.data.fill_(float("nan"))

    embedder.body.before = before
    first = images.ids[np.argsort(images.labels, kind="stable")[672]]
    with pytest.raises(UserError, match=f"'{first}' holds NaN"):
        extract(embedder, images, tmp_path / "e.h5")


def test_half_the_size_on_request(embedder, images, tmp_path):
    extract(embedder, images, tmp_path / "full.h5")
    extract(embedder, images, tmp_path / "half.h5", dtype="float16")
    with h5py.File(tmp_path / "half.h5") as file:
        assert file["embeddings"].dtype == np.float16
        assert file["embeddings"].chunks is None  # can be mapped
    full, half = (read_embeddings(tmp_path / name) for name in ("full.h5", "half.h5"))
    np.testing.assert_allclose(half.x, full.x, rtol=1e-3, atol=1e-6)
    assert half.provenance["dtype"] == "float16"
    assert (full.digest, half.digest) == (digest(full.x), digest(half.x))


def test_what_float16_cannot_hold_is_refused_with_its_image(embedder, images, tmp_path):
    def before(x):
        if len(x) != 32:  # the last batch
            embedder.body.conv.bias.data.fill_(7e4)

    embedder.body.before = before
    first = images.ids[np.argsort(images.labels, kind="stable")[672]]
    with pytest.raises(UserError, match=f"'{first}' has values beyond 65504"):
        extract(embedder, images, tmp_path / "e.h5", dtype="float16")
    extract(embedder, images, tmp_path / "e.h5")
    assert not np.isinf(read_embeddings(tmp_path / "e.h5").x).any()


def test_a_class_is_read_in_one_piece(embedder, images, tmp_path):
    extract(embedder, images, tmp_path / "e.h5")
    with h5py.File(tmp_path / "e.h5") as file:
        labels, ids = file["labels"][:], file["ids"].asstr()[:]
    for label in range(3):
        rows = np.flatnonzero(labels == label)
        np.testing.assert_array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))
        assert ids[rows].tolist() == [images.ids[i] for i in np.flatnonzero(images.labels == label)]


def test_progress_is_a_bar_on_a_terminal_and_lines_in_the_log(
    embedder, images, tmp_path, monkeypatch, caplog, capsys
):
    caplog.set_level(logging.INFO, logger="imprint")
    extract(embedder, images, tmp_path / "e.h5")
    assert capsys.readouterr().err == ""
    assert "700 images in" in caplog.text
    caplog.set_level(logging.WARNING, logger="imprint")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)
    embedder.body.before = lambda x: time.sleep(0.01)
    extract(embedder, images, tmp_path / "e.h5")
    bar = capsys.readouterr().err
    assert "700/700" in bar
    assert "image/s" in bar
    assert "<" in bar, "the time left"


def test_images_inside_an_archive(embedder, folder, tmp_path):
    import tarfile

    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        for name in folder.ids:
            archive.add(folder.folder / name, name)
    with tarfile.open(tmp_path / "all.tar") as archive:
        spans = np.array([(0, member.offset_data, member.size) for member in archive])
    store = Archives((tmp_path / "all.tar",), spans)
    packed = Images(folder.labels, folder.ids, folder.class_names, store=store)
    extract(embedder, folder, tmp_path / "files.h5")
    extract(embedder, packed, tmp_path / "packed.h5")
    a, b = (read_embeddings(tmp_path / name) for name in ("files.h5", "packed.h5"))
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(packed.take([3, 5])[1], folder[5])
    with open(tmp_path / "all.tar", "r+b") as file:
        file.seek(spans[4, 1])
        file.write(b"damaged!")
    with pytest.raises(UserError, match=r"all\.tar/04\.png"):
        extract(embedder, packed, tmp_path / "packed.h5")


def test_wrong_options_are_named(embedder, images, tmp_path):
    with pytest.raises(UserError, match=r"'fp8'.*bf16"):
        extract(embedder, images, tmp_path / "e.h5", precision="fp8")
    with pytest.raises(UserError, match=r"'tpu'.*cpu"):
        extract(embedder, images, tmp_path / "e.h5", device="tpu")
    for device in ("cuda:99", "cpu:1", "cuda:x"):
        with pytest.raises(UserError, match=f"'{device}'.*cpu"):
            extract(embedder, images, tmp_path / "e.h5", device=device)
    with pytest.raises(UserError, match=r"'bfloat16'.*float16"):
        extract(embedder, images, tmp_path / "e.h5", dtype="bfloat16")
    with pytest.raises(UserError, match="ignore"):
        extract(embedder, images, tmp_path / "e.h5", on_error="ignore")
    with pytest.raises(UserError, match="no images"):
        extract(embedder, images.take([]), tmp_path / "e.h5")
    assert not list(tmp_path.iterdir())


def test_threads_are_those_of_the_job_and_put_back():
    before = torch.get_num_threads()
    for threads in (1, 2, 4, 16):
        for one_by_one in (True, False):
            with compute.torch_settings(torch.device("cpu"), threads, one_by_one) as workers:
                assert torch.get_num_threads() == threads
                assert workers == (threads if one_by_one and threads > 1 else 0)
        with compute.torch_settings(torch.device("cuda"), threads, True) as workers:
            assert max(1, workers + torch.get_num_threads()) == threads
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_memory_is_kept_where_the_system_can(monkeypatch, platform):
    options = {}
    libc = SimpleNamespace(
        mallopt=lambda option, value: options.setdefault(option, []).append(value) or 1,
        malloc_trim=lambda pad: None,
    )
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(compute.ctypes, "CDLL", lambda name: libc)
    with compute.memory_kept():
        inside = {option: values[-1] for option, values in options.items()}
    assert bool(inside) == (platform == "linux")
    for option, value in inside.items():
        assert options[option][-1] < value, "smaller again at the end"


@pytest.mark.parametrize("size", [28, 224, 240, 260, 518])
def test_a_pass_on_a_processor_takes_sixteen_images_or_more(embedder, size):
    """With fewer, one thread takes another path than several: slower, and of other last bits."""
    passes = []
    embedder.body.before = lambda x: passes.append(len(x))
    model = compute.Batched(embedder, torch.device("cpu"), "float32")
    model.largest = compute.images_at_once(size, size)
    passes.clear()  # those of folding
    model(torch.zeros(32, 3, *embedder.transform.size, dtype=torch.uint8))
    assert sum(passes) == 32
    assert min(passes) >= 16


def test_on_the_processor_loading_and_computing_take_turns(embedder, folder, tmp_path, monkeypatch):
    """All threads load, then all compute: never more at work than the job has."""
    computing, loaded_meanwhile = [False], []

    def forward(x):
        computing[0] = True
        time.sleep(0.05)
        computing[0] = False

    embedder.body.before = forward
    read = Images.__getitem__
    monkeypatch.setattr(
        Images,
        "__getitem__",
        lambda images, i: loaded_meanwhile.append(computing[0]) or read(images, i),
    )
    extract(embedder, folder, tmp_path / "e.h5", device="cpu", threads=4, batch_size=5)
    assert len(loaded_meanwhile) == 20
    assert not any(loaded_meanwhile)


def test_files_that_are_missing_or_inside_an_archive_can_be_prefetched(folder, tmp_path):
    folder.prefetch(range(20))
    Images(folder.labels, folder.ids, folder.class_names, folder=tmp_path / "nowhere").prefetch(
        [0, 1]
    )
    (tmp_path / "archive").write_bytes(b"0" * 100)
    store = Archives((tmp_path / "archive",), np.array([[0, 0, 50], [0, 50, 50]]))
    Images(folder.labels[:2], folder.ids[:2], folder.class_names, store=store).prefetch([0, 1])
