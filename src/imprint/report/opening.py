"""The opening of the report: what was run and what won."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any


def opening(template: str, summary: Iterable[str], overview: Mapping[str, Any]) -> str:
    """The opening of the report: a template filled with the lines of the summary (see `imprint.analysis.summary`) and the overview."""
    extent, *findings = summary
    return template.format(
        summary="\n".join(map(_item, findings)), extent=extent.removeprefix("Run: "), **overview
    )


def _item(line: str) -> str:
    """A line of the summary as an item of a list, its first words in bold."""
    subject = re.split(r"[,:]| of ", line, maxsplit=1)[0]
    return f"- **{subject}**{line.removeprefix(subject)}"
