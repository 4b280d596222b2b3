"""Figures as files."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imprint.report.drawing.style import DPI, FONT, MISSING_LETTER, applied
from imprint.store.files import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger("imprint")

EMPTY = "Description"  # key of the PNG's metadata
# keys of the metadata, by format, that differ from run to run, or from one version of matplotlib to the next
DATED = {
    "png": ("Software",),
    "pdf": ("CreationDate", "Creator", "Producer"),
    "svg": ("Date", "Creator"),
}


def write(figure: Figure, path: Path, **metadata: str) -> None:
    """Write a figure in the format of the file's name, one of `DATED`; the same figure gives the same bytes."""
    from matplotlib import rc_context

    form = path.suffix.lower()[1:]
    embedding = rc_context({"pdf.fonttype": _font_type(figure)} if form == "pdf" else {})
    with _missing_letters_named(path), atomic(path) as temporary, embedding:
        dateless = dict.fromkeys(DATED[form]) | metadata
        figure.savefig(temporary, format=form, dpi=DPI, metadata=dateless)


def _font_type(figure: Figure) -> int:
    """How a PDF embeds fonts: as TrueType (42), or if `FONT` lacks letters of the figure as outlines (3).

    Other fonts may be OpenType without TrueType outlines, as Noto Sans CJK is. Matplotlib embeds these as if they had them, and
    some viewers then show none of their letters.
    """
    from matplotlib.font_manager import findfont, get_font
    from matplotlib.text import Text

    letters = {letter for text in figure.findobj(Text) for letter in text.get_text()}
    known = get_font(findfont(FONT)).get_charmap()
    return 42 if all(ord(letter) in known for letter in letters - {"\n"}) else 3


@contextmanager
def _missing_letters_named(path: Path) -> Iterator[None]:
    """Name the letters that no font has in one line, instead of a warning of matplotlib for each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    letters: dict[str, None] = {}
    for warning in caught:
        if match := re.match(MISSING_LETTER, str(warning.message)):
            letters[chr(int(match[1]))] = None
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if letters:
        from matplotlib import get_cachedir

        log.warning(
            "%s shows boxes for %s, which the fonts of figures lack; install Noto Sans CJK or Unifont, then delete %s, where "
            "matplotlib keeps the list of installed fonts",
            path.name,
            " ".join(letters),
            Path(get_cachedir(), "fontlist-*.json"),
        )


def save(figure: Figure, stem: str | Path, empty: str | None = None) -> tuple[Path, Path]:
    """Write stem.png (300 dpi) and stem.pdf; the same figure gives the same bytes.

    empty: the reason why the figure shows nothing, if so; it is written to the PNG's metadata.
    """
    stem = Path(stem)
    png, pdf = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")
    with applied():
        write(figure, png, **({EMPTY: empty} if empty else {}))
        figure.set_layout_engine("none")  # laid out once, for both
        write(figure, pdf)
    return png, pdf
