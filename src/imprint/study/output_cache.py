"""Outputs shared between working directories through Snakemake's output cache.

Snakemake finds an output in the folder $SNAKEMAKE_OUTPUT_CACHE by its script, its parameters, the content of the files
it was given, and the recipe of what the workflow made for it. A recipe does not tell images that were changed in their
place, or weights that were trained on another processor: `origin` does, by content.
"""

import hashlib
import json
import os
import platform
from collections.abc import Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from imprint.data import sources
from imprint.errors import UserError
from imprint.store.files import atomic, canonical

FOLDER = "SNAKEMAKE_OUTPUT_CACHE"
CONTENTS = "contents.json"
SOFTWARE = ("numpy", "pillow", "timm", "torch", "torchvision")  # decides weights and embeddings

_AT_ONCE = 8  # files read at a time: most of it is waiting for the disk


def output_cache(environment: MutableMapping[str, str]) -> bool:
    """Whether outputs are shared, which is where $SNAKEMAKE_OUTPUT_CACHE names a folder.

    A folder that is not there or not writable is a `UserError` now, before hours of work that could not be stored.
    The variable is made absolute: outputs are links into the folder.
    """
    if not environment.get(FOLDER):
        return False
    folder = Path(environment[FOLDER]).absolute()
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(
            f"{FOLDER} is '{environment[FOLDER]}', which is no folder that you can write to; "
            "make it, or unset the variable to share nothing"
        )
    environment[FOLDER] = str(folder)
    return True


def origin(
    wildcards: Mapping[str, str],
    *,
    manifest: str | None,
    weights: str | None,
    root: str | None = None,
    trains: bool = False,
) -> str:
    """What tells an output from all others that have the same recipe, as JSON.

    manifest: of the dataset it is made from, which lies at `root` if not where it was prepared. weights: file of
    the FM. Either may be None. FileNotFoundError if one is not there yet. trains: whether weights are made, which
    are the same to the bit on one kind of processor only: two runs at once must not put theirs in each other's place.
    """
    return canonical(
        {
            "wildcards": dict(wildcards),
            "images": manifest and contents(manifest, root),
            "weights": weights and Path(weights).stat() and _sha256(Path(weights)),
            "software": {name: _version(name) for name in SOFTWARE},
            "processor": _processor() if trains else None,
        }
    )


def contents(manifest: str, root: str | None = None) -> str:
    """A digest of the files that a prepared dataset's images are read from, by content, wherever they lie.

    It is kept beside the manifest, and made again when the size or time of a file has changed.
    """
    Path(manifest).stat()  # FileNotFoundError tells Snakemake to ask again when it is there
    folder = Path(manifest).parent
    paths = sources.files_of(folder, root)
    state = hashlib.sha256(canonical([_state(path) for path in paths]).encode()).hexdigest()
    try:
        kept = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        kept = {}
    if kept.get("state") != state:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            digest = hashlib.sha256("\n".join(pool.map(_sha256, paths)).encode()).hexdigest()
        kept = {"state": state, "sha256": digest}
        # whoever only looks at a study may not be allowed to write there
        with suppress(PermissionError), atomic(folder / CONTENTS) as temporary:
            temporary.write_text(json.dumps(kept), encoding="utf-8")
    return kept["sha256"]


def _state(path: Path) -> list[str | int]:
    """What changes when a file does: no program can set the last of the times."""
    try:
        facts = path.stat()
    except OSError:
        return [str(path)]
    return [str(path.absolute()), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]


def _sha256(path: Path) -> str:
    """Of a file that cannot be read, which an extraction may be told to skip, nothing."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _processor() -> str:
    """The kind of processor, with the instructions that it has."""
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = ("model name", "flags", "CPU implementer", "CPU part", "Features")
    return hashlib.sha256(
        "\n".join(line for line in facts if line.startswith(told)).encode()
    ).hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # jobs have an environment of their own, which Snakemake hashes
        return None
