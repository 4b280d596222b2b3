"""Outputs shared between working directories through Snakemake's output cache.

Snakemake finds an output in the folder $SNAKEMAKE_OUTPUT_CACHE by its script, its parameters, the content of the user's
input files, and the recipe of the inputs that the workflow made. The recipe is the same for images that were changed in
place and for weights that were trained on another processor: `origin` distinguishes these by content.
"""

import hashlib
import os
import platform
import stat
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path

from imprint.errors import UserError
from imprint.store.files import canonical
from imprint.store.records import sha256_of
from imprint.store.version import installed_version
from imprint.study.contents import contents

FOLDER = "SNAKEMAKE_OUTPUT_CACHE"
SOFTWARE = ("numpy", "pillow", "timm", "torch", "torchvision")  # can change weights and embeddings


def output_cache(environment: MutableMapping[str, str]) -> bool:
    """Whether outputs are shared: $SNAKEMAKE_OUTPUT_CACHE names a folder.

    A missing or read-only folder is a `UserError` now, before hours of work that could not be stored.
    The variable is made absolute, as outputs are links into the folder.
    """
    if not environment.get(FOLDER):
        return False
    folder = Path(environment[FOLDER]).absolute()
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(
            f"{FOLDER} is '{environment[FOLDER]}', which is not a folder that you can write to; "
            "create it, or unset the variable to share nothing"
        )
    environment[FOLDER] = str(folder)
    close_entries(folder)
    return True


def close_entries(folder: Path) -> None:
    """Remove the permission of others to write this user's entries in the shared folder; Snakemake gives it to all.

    Other users read these entries, and whoever can write them can change their results.
    """
    for path in folder.iterdir():
        with suppress(OSError):  # of another user, or deleted meanwhile
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
                path.chmod(stat.S_IMODE(mode) & ~stat.S_IWOTH)


def origin(
    wildcards: Mapping[str, str],
    *,
    manifest: str,
    weights: str | None,
    root: str | None = None,
    trains: bool = False,
) -> str:
    """What distinguishes an output from all others with the same recipe, as JSON.

    manifest: that of the dataset. Its images are in `root`, or in the prepared folder if `root` is None. weights: the file of
    the FM, or None. trains: whether weights are trained. These are bit-identical only on one kind of processor, so each kind
    needs an entry of its own. Raises FileNotFoundError if a file does not exist yet.
    """
    return canonical(
        {
            "wildcards": dict(wildcards),
            "images": contents(manifest, root),
            "weights": weights and Path(weights).stat() and sha256_of(weights),
            "software": {name: installed_version(name) for name in SOFTWARE},
            "processor": _processor() if trains else None,
        }
    )


def _processor() -> str:
    """The kind of processor, with the instructions that it has."""
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    names = ("model name", "flags", "CPU implementer", "CPU part", "Features")
    return hashlib.sha256(
        "\n".join(line for line in facts if line.startswith(names)).encode()
    ).hexdigest()
