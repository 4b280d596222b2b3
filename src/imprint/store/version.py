"""The version of this library, recorded in its files, and the versions of other packages."""

from __future__ import annotations

from functools import cache

__version__ = "0.1.0"


@cache
def installed_version(package: str) -> str | None:
    """The version of an installed package; None if it is not installed, such as in an environment of a job."""
    from importlib import metadata  # slow to import for `import imprint`

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
