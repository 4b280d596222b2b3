"""What `imprint.study.fingerprint` needs of source files, kept from one run to the next: to parse all takes a quarter of a plan.

An entry belongs to a text, whatever its file is called. Python's version and the code that parses count too, as they decide
the entry.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from imprint.store.files import atomic

FILE = Path(".snakemake") / "imprint-code.json"
MOST = 5000  # entries; each edit of a file adds one

Parsed = tuple[str, tuple[str, ...]]  # a digest of the code that counts, and the imported names


class ParsedCode:
    """Texts as parsed by a function.

    Parameters
    ----------
    parse : callable
        Returns the `Parsed` of a text.
    code : path
        The file that defines `parse`.
    """

    def __init__(self, parse: Callable[[str], Parsed], code: str | Path) -> None:
        self._parse = parse
        self._version = f"{sys.version_info} {Path(code).read_text(encoding='utf-8')}"
        self._entries: dict[str, Parsed] | None = None
        self._is_new = False

    def __call__(self, text: str) -> Parsed:
        """The parsed text."""
        if self._entries is None:
            self._entries = _read()
        key = hashlib.sha256(f"{self._version}\n{text}".encode()).hexdigest()
        if key not in self._entries:
            self._entries[key] = self._parse(text)
            self._is_new = True
        return self._entries[key]

    def keep(self) -> None:
        """Write the entries for the next run, if some are new and Snakemake has a folder here."""
        if not self._is_new or self._entries is None or not FILE.parent.is_dir():
            return
        entries = dict(list(self._entries.items())[-MOST:])
        with suppress(OSError), atomic(FILE) as path:  # without the file all is parsed again
            path.write_text(json.dumps(entries))


def _read() -> dict[str, Parsed]:
    """The entries of earlier runs; none if there are none, or the file is damaged."""
    try:
        entries = json.loads(FILE.read_text())
        return {
            str(key): (str(digest), tuple(map(str, names)))
            for key, (digest, names) in entries.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
