"""Records of jobs: a note beside the first output of a job that says what it was made from.

Snakemake stores the same information by path, in `.snakemake` of the working directory. A record can be moved with its file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from imprint.store.files import canonical, write_text
from imprint.store.paths import record_file
from imprint.store.seals import is_sealed

State = list[int]


@dataclass(frozen=True)
class Record:
    """What a job made its outputs from.

    Attributes
    ----------
    spec : str
        Digest of the parameters of its rule.
    outputs : dict
        Bytes of each output, by its path relative to the folder of the results.
    sha256 : str
        SHA-256 of the first output.
    inputs : dict
        `sha256` of the records of those inputs that are results, by their paths relative to that folder.
    files : dict
        State (see `state_of`) and SHA-256 of the other input files, by their paths.
    contents : dict
        SHA-256 of the outputs without a seal, such as tables and pictures, by their paths relative to that folder.
    shards : int or None
        The number of shards of embeddings, on which the file itself does not depend; None if it is not recorded.
    """

    spec: str
    outputs: dict[str, int]
    sha256: str
    inputs: dict[str, str]
    files: dict[str, tuple[State, str]]
    contents: dict[str, str] = field(default_factory=dict)
    shards: int | None = None


def make_record(
    spec: str,
    root: str | Path,
    outputs: Iterable[str | Path],
    inputs: Iterable[str | Path],
    files: Iterable[str | Path] = (),
    shards: int = 1,
) -> Record:
    """The record of a job that has just ended.

    Parameters
    ----------
    spec : str
        Digest of its parameters.
    root : path
        The folder of the results.
    outputs, inputs : iterables of paths
        Its outputs and inputs. Inputs without a record are left out.
    files : iterable of paths
        The inputs that may be files of the user.
    shards : int, default=1
        The number of shards of embeddings.
    """
    first, *others = map(Path, outputs)
    paths = {os.path.relpath(path, root): path for path in (first, *others) if path.is_file()}
    recorded = {str(path): read_record(path) for path in inputs}
    ours = {os.path.relpath(path, root): of.sha256 for path, of in recorded.items() if of}
    of_user = [str(path) for path in files if not recorded.get(str(path))]
    return Record(
        spec,
        {name: path.stat().st_size for name, path in paths.items()},
        sha256_of(first),
        ours,
        {path: (state_of(path), sha256_of(path)) for path in of_user},
        {name: sha256_of(path) for name, path in paths.items() if not is_sealed(path)},
        shards,
    )


def write_record(output: str | Path, record: Record) -> None:
    """Write the record of a job beside its first output."""
    write_text(record_file(output), canonical(asdict(record)))


def read_record(output: str | Path) -> Record | None:
    """The record of the job whose first output this is; None if it is missing or damaged."""
    try:
        fields: dict[str, Any] = json.loads(record_file(output).read_bytes())
        return Record(**fields)
    except (OSError, ValueError, TypeError):
        return None


def state_of(path: str | Path) -> State:
    """Size and times of a file, which change when the file does (no program can set the last); empty if it is missing."""
    try:
        facts = Path(path).stat()
    except OSError:
        return []
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file's content; empty if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
