"""Figures as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imprint.report.drawing.style import DPI, applied
from imprint.store.files import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


EMPTY = "Description"  # key of the PNG's metadata


def save(figure: Figure, stem: str | Path, empty: str | None = None) -> tuple[Path, Path]:
    """Write stem.png (300 dpi) and stem.pdf; the same figure gives the same bytes.

    empty: why the figure shows nothing, which the PNG's metadata then say.
    """
    stem = Path(stem)
    png, pdf = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")
    no_date = {"CreationDate": None, "Creator": None, "Producer": None}
    with applied():
        with atomic(png) as path:
            metadata = {"Software": None} | ({EMPTY: empty} if empty else {})
            figure.savefig(path, format="png", dpi=DPI, metadata=metadata)
        figure.set_layout_engine("none")  # laid out once, for both
        with atomic(pdf) as path:
            figure.savefig(path, format="pdf", metadata=no_date)
    return png, pdf
