"""Exceptions and findings with messages for the user, the packages of each extra, and groups of OSError codes."""

import errno
from typing import NamedTuple


class UserError(Exception):
    """A mistake in the user's input: the message names the file or key, the mistake and the valid choices.

    The command line and the workflow's jobs show it without a traceback.
    """


class WrongSource(UserError):
    """A source that is probably a mistake for another one.

    Attributes
    ----------
    source, instead : str
        The source that was given, and the one to give instead.
    """

    def __init__(self, message: str, source: object, instead: object) -> None:
        super().__init__(message)
        self.source, self.instead = str(source), str(instead)


class NoSplits(UserError):
    """A source of images that is not divided into splits, though one of them was asked for."""


GOOD, WARNING, BAD = "ok", "note", "PROBLEM"  # levels of a finding


class Finding(NamedTuple):
    """One line of the report of `imprint doctor`: `level` is GOOD, WARNING or BAD."""

    level: str
    subject: str
    text: str


# codes of an OSError: disk or quota full, no permission
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_RIGHT = {errno.EROFS, errno.EACCES, errno.EPERM}

# the packages that each extra of the distribution installs, by import name
EXTRAS = {
    "fm": ("PIL", "huggingface_hub", "pooch", "timm", "torch", "torchvision", "tqdm"),
    "study": (
        "altair",
        "docutils",
        "fontTools",
        "itables",
        "jinja2",
        "matplotlib",
        "pyarrow",
        "pydantic",
        "pygments",
        "seaborn",
        "snakemake",
        "tabulate",
        "vl_convert",
        "yaml",
    ),
    "heif": ("pi_heif",),
    "huggingface": ("datasets",),
    "onnx": ("onnx", "onnxscript"),
    "pam": ("kmedoids",),
}


def not_installed(package: str) -> str | None:
    """One line on how to install a missing package of an extra; None for any other package."""
    name = package.partition(".")[0]
    for extra, packages in EXTRAS.items():
        if name in packages:
            return (
                f"this needs the package '{name}', which is not installed; "
                f"run: pip install 'weight-imprinting[{extra}]'"
            )
    return None
