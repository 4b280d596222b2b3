"""What a reader sees of a figure: its texts, and whether they can be read."""

import warnings
from itertools import combinations

import pytest
from matplotlib.text import Text


def texts(figure):
    """Lay a figure out, and return the texts that are really drawn: an axis also keeps labels for ticks beyond its range."""
    seen, draw = [], Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Text, "draw", lambda text, renderer: (seen.append(text), draw(text, renderer))
        )
        figure.draw_without_rendering()
    # the layout draws some more than once
    return [text for text in dict.fromkeys(seen) if text.get_visible() and text.get_text().strip()]


def words(figure):
    return " ".join(" ".join(text.get_text().split()) for text in figure.findobj(Text))


def check_legible(figure, inches):
    """Every text has 6 points at least, is on the page, and covers no other; legends are beside the panels."""
    assert figure.get_figwidth() == inches
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a layout that could not be made is a warning
        drawn = texts(figure)
    page = figure.bbox
    # of the words alone: the box of an annotation has its arrow, too
    boxes = [(text, Text.get_window_extent(text)) for text in drawn]
    for text, box in boxes:
        assert page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1, text
        assert page.y0 - 1 <= box.y0 and box.y1 <= page.y1 + 1, text
        assert text.get_fontsize() >= 6
    for (a, box_a), (b, box_b) in combinations(boxes, 2):
        apart = min(box_a.x1, box_b.x1) - max(box_a.x0, box_b.x0) < 1
        # lines of text may touch by their line spacing, which is part of a box
        assert apart or min(box_a.y1, box_b.y1) - max(box_a.y0, box_b.y0) < 2, (a, b)
    for legend in figure.legends:
        assert not any(
            legend.get_window_extent().overlaps(axes.get_window_extent()) for axes in figure.axes
        )
