"""The exception whose message is meant for the user, packages of extras, and kinds of OSError."""

import errno


class UserError(Exception):
    """A mistake in the user's input: the message names the file or key, what is wrong and what would be right.

    Shown without a traceback by the command line and by the workflow's jobs.
    """


class WrongSource(UserError):
    """A source that is not the one meant.

    Attributes
    ----------
    source, instead : str
        What was given, and what would be right.
    """

    def __init__(self, message: str, source: object, instead: object) -> None:
        super().__init__(message)
        self.source, self.instead = str(source), str(instead)


NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # of an OSError: a disk or quota is full
NO_RIGHT = {errno.EROFS, errno.EACCES, errno.EPERM}

# extra of the distribution: the packages that it brings, by the names of their imports
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
    """How to install a missing package that an extra brings, as one line; None for any other package."""
    name = package.partition(".")[0]
    for extra, packages in EXTRAS.items():
        if name in packages:
            return (
                f"this needs the package '{name}', which is not installed; "
                f"run: pip install 'weight-imprinting[{extra}]'"
            )
    return None
