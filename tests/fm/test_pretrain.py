import logging

import numpy as np
import pytest
import torch

from imprint.data import glyphs
from imprint.fm import models, pretrain
from imprint.fm.checkpoints import read_facts, save


@pytest.fixture(scope="module")
def letters():
    """Four letters, 40 images each."""
    images = np.concatenate([glyphs.draw_class(c, "pretrain", 40) for c in "ATÆΩ"])
    return images, np.repeat(np.arange(4), 40), ("A", "T", "Æ", "Ω")


def test_two_trainings_give_the_same_bytes(letters, tmp_path):
    files = []
    for name in ("a", "b"):
        torch.manual_seed(len(files))
        save(tmp_path / name, *pretrain.pretrain(*letters, model="test_convnext", epochs=1, seed=5))
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
    save(tmp_path / "c", *pretrain.pretrain(*letters, model="test_convnext", epochs=1, seed=6))
    assert (tmp_path / "c").read_bytes() != files[0]


def test_it_learns_its_classes_and_is_loaded_with_all_it_needs(letters, tmp_path):
    state, facts = pretrain.pretrain(*letters, model="test_resnet", epochs=30)
    assert facts["accuracy"]["held_out"] >= 0.9
    assert facts["images"] == 4 * 36
    save(tmp_path / "fm.safetensors", state, facts)
    embedder = models.load("pretrained", checkpoint=tmp_path / "fm.safetensors")
    assert embedder.dim == 96
    assert embedder.fm_classifier.shape == (4, 96)
    assert embedder.weight_decay == facts["weight_decay"] == 0.05
    images, labels, _ = letters
    x = embedder(embedder.transform.normalised(embedder.transform.batch_pixels(images))).numpy()
    scores = x @ embedder.fm_classifier.T + state["fc.bias"].numpy()
    known = facts["accuracy"]
    expected = (known["train"] * 144 + known["held_out"] * 16) / 160
    assert (scores.argmax(1) == labels).mean() == pytest.approx(expected)
    assert read_facts(tmp_path / "fm.safetensors")["classes"] == ["A", "T", "Æ", "Ω"]


def test_the_callers_random_numbers_and_threads_are_left_alone(letters):
    torch.manual_seed(3)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    images, labels, classes = letters
    pretrain.pretrain(images[::4], labels[::4], classes, model="test_resnet", epochs=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_progress_is_logged(letters, caplog):
    images, labels, classes = letters
    with caplog.at_level(logging.INFO, logger="imprint"):
        pretrain.pretrain(images[::4], labels[::4], classes, model="test_resnet", epochs=2)
    assert "epoch 2 of 2" in caplog.text
    assert "s left" in caplog.text


def test_a_shift_keeps_the_image_and_moves_it():
    image = torch.zeros(50, 9, 9, dtype=torch.uint8)
    image[:, 4, 4] = 200
    shifted = pretrain.shifted(image, np.random.default_rng(0))
    assert (shifted.sum((1, 2)) == 200).all()
    rows, columns = (shifted.sum(2) > 0).float().argmax(1), (shifted.sum(1) > 0).float().argmax(1)
    assert set(rows.tolist()) == set(columns.tolist()) == {2, 3, 4, 5, 6}


def test_colour_images_train_too():
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    _, facts = pretrain.pretrain(
        images, np.arange(20) % 2, ("a", "b"), model="test_resnet", epochs=1
    )
    assert facts["input_size"] == [32, 32]


def test_of_a_single_image_per_class_none_is_held_out(letters, tmp_path, caplog):
    images, labels, classes = letters
    state, facts = pretrain.pretrain(
        images[::40], labels[::40], classes, model="test_resnet", epochs=1
    )
    assert facts["accuracy"]["held_out"] is None and facts["images"] == 4
    assert "no class has two images" in caplog.text
    save(tmp_path / "fm.safetensors", state, facts)
    assert models.load("pretrained", checkpoint=tmp_path / "fm.safetensors").dim == 96
