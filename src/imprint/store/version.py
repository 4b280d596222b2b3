"""The version of this library, which its files record, and those of other packages."""

from __future__ import annotations

from functools import cache

__version__ = "0.1.0"


@cache
def installed_version(package: str) -> str | None:
    """The version of an installed package; None without it, as where jobs have an environment of their own."""
    from importlib import metadata  # takes time that `import imprint` does not have

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
