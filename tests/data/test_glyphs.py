import subprocess
import sys
import unicodedata

import numpy as np

from imprint.data import glyphs


def test_there_are_a_hundred_different_letters_and_no_digit():
    assert len(set(glyphs.CLASSES)) == len(glyphs.CLASSES) == 100
    assert all(unicodedata.category(character).startswith("L") for character in glyphs.CLASSES)
    assert not set(glyphs.CLASSES) & set("OoОоΟοIlıZzSsЗз")


def test_every_font_has_every_character():
    assert all(glyphs.faces_with(character) == list(glyphs.FACES) for character in glyphs.CLASSES)


def test_no_two_characters_look_the_same_in_any_font():
    for face in glyphs.FACES:
        drawn = [
            np.asarray(glyphs.upright_glyph(character, face, 0), float)
            for character in glyphs.CLASSES
        ]
        flat = np.stack(drawn).reshape(len(drawn), -1)
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        alike = flat @ flat.T - np.eye(len(flat))
        assert alike.max() < 0.98, face


def test_images_do_not_depend_on_how_many_are_drawn():
    few = glyphs.Glyphs(1, 2, 1).make()["train"][0].reshape(100, 2, 32, 32)
    many = glyphs.Glyphs(2, 3, 2).make()["train"][0].reshape(100, 3, 32, 32)
    np.testing.assert_array_equal(few, many[:, :2])


def test_splits_classes_and_seeds_are_different_images():
    streams = [
        ("A", "train", 0),
        ("A", "test", 0),
        ("A", "pretrain", 0),
        ("Þ", "train", 0),
        ("A", "train", 1),
    ]
    images = np.concatenate([glyphs.draw_class(c, split, 4, seed) for c, split, seed in streams])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)


def test_another_process_draws_the_same():
    program = (
        "from imprint.data import glyphs; import hashlib;"
        "print(hashlib.sha256(glyphs.draw_class('Ж', 'train', 5, 3)).hexdigest())"
    )
    hashes = {subprocess.check_output([sys.executable, "-c", program], text=True) for _ in range(2)}
    import hashlib

    assert hashes == {hashlib.sha256(glyphs.draw_class("Ж", "train", 5, 3)).hexdigest() + "\n"}


def test_labels_follow_the_classes_and_strokes_are_brighter_than_the_ground():
    images, labels = glyphs.Glyphs(1, 1, 2).make()["test"]
    assert images.shape == (200, 32, 32)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.repeat(np.arange(100), 2))
    border = np.concatenate([images[:, 0], images[:, -1]], axis=1).mean(axis=1)
    assert (np.percentile(images, 98, axis=(1, 2)) > border + 50).all()
