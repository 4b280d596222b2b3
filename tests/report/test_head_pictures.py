"""Pictures of what a head does with photographs."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from imprint.report.drawing.tiles import Tile
from imprint.report.head_pictures import (
    ConfusedPair,
    confused_pairs,
    coverage_curve,
    explained,
    write_picture,
)


def curves(familiarity, right, strange=()):
    """x and y of each curve."""
    (axes,) = coverage_curve(
        np.asarray(familiarity), np.asarray(right), np.asarray(strange), "sub"
    ).axes
    return [line.get_xydata().tolist() for line in axes.lines]


def test_the_curves_count_what_is_kept_at_each_limit():
    familiarity, right = [0.1, 0.2, 0.2, 0.9], [False, True, False, True]
    errors, unknown = curves(familiarity, right, strange=[0.0, 0.2, 0.5])
    assert errors == [[100, 50], [75, pytest.approx(100 / 3)], [25, 0]]
    assert unknown == [[100, pytest.approx(200 / 3)], [75, pytest.approx(200 / 3)], [25, 0]]
    assert curves(familiarity, right) == [errors]


def test_the_memory_of_a_curve_grows_with_the_images_not_with_their_square():
    rng = np.random.default_rng(0)
    familiarity, right = rng.random(10_000), rng.random(10_000) < 0.9
    curves(familiarity[:10], right[:10])  # loads matplotlib
    tracemalloc.start()
    curves(familiarity, right)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_dollar_signs_of_names_are_no_formulas(tmp_path):
    name = r"$\foo{$ at 5$"
    tile, unreadable = (Tile(image, name, (name,)) for image in (Image.new("RGB", (2, 2)), None))
    pair = ConfusedPair(name, [tile], [unreadable], name)
    for figure in (confused_pairs([pair], name), explained([(tile, [unreadable])], name)):
        write_picture(tmp_path / "picture.png", figure)


def test_letters_without_a_font_are_named_in_one_line(tmp_path, caplog, recwarn):
    letters = "\U000f0000\U000f0001"  # private ones, which no font has
    tile = Tile(None, letters, (letters,))
    write_picture(tmp_path / "why.png", explained([(tile, [tile])], ""))
    (message,) = caplog.messages
    assert message.startswith("why.png shows boxes") and all(sign in message for sign in letters)
    assert not recwarn.list


def test_a_pdf_embeds_truetype_unless_other_fonts_are_needed_which_may_be_none(tmp_path):
    for name, kinds in {"caf\u00e9": (True, False), "\U000f0000": (False, True)}.items():
        tile = Tile(None, name, (name,))
        write_picture(tmp_path / "why.pdf", explained([(tile, [tile])], name))
        pdf = (tmp_path / "why.pdf").read_bytes()
        assert (b"/CIDFontType2" in pdf, b"/Type3" in pdf) == kinds
