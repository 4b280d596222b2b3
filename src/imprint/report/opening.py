"""The opening of the report: what was run and what won."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any


def opening(template: str, summary: Iterable[str], overview: Mapping[str, Any]) -> str:
    """The opening of the report: a template filled with the lines of the summary (see `imprint.analysis.summary`) and the overview."""
    extent, *findings = summary
    return template.format(
        summary="\n".join(map(_item, findings)),
        extent=_escaped(extent.removeprefix("Run: ")),
        **{key: _escaped(str(value)) for key, value in overview.items()},
    )


def _item(line: str) -> str:
    """A line of the summary as an item of a list, its first words in bold."""
    subject = re.split(r"[,:]| of ", line, maxsplit=1)[0]
    return f"- **{_escaped(subject)}**{_escaped(line.removeprefix(subject))}"


def _escaped(text: str) -> str:
    """The text with a backslash before signs that reStructuredText takes for markup, as in the FM name `vit_`."""
    return re.sub(r"([\\`*_|])", r"\\\1", text)
