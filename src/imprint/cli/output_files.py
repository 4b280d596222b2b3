"""Files that a command writes: checks before its work, so that nothing is lost, and text that is written whole."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from imprint.cli.options import InputOptions, split
from imprint.errors import UserError
from imprint.estimator.fm_choice import FMChoice
from imprint.store.files import atomic, require_no_input
from imprint.store.heads import require_own_description

OPEN_FILES = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")


def is_device(path: Path) -> bool:
    """Whether a path is a device, a pipe or an open file, such as /dev/stderr: text is appended to it."""
    if str(path).startswith(OPEN_FILES):
        return path.exists()
    return path.exists() and not path.is_file() and not path.is_dir()


def require_writable(output: Path, option: str = "--output") -> None:
    """Make the folder of an output; a `UserError` that names the option if the output cannot be written."""
    folder = output.parent
    if is_device(output):
        raise UserError(f"{option} {output} is a device or a pipe; name a file")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if output.is_dir():
            raise UserError(f"{option} {output} is a folder; name a file in it")
        may_write = not output.exists() or os.access(output, os.W_OK)
    except (FileExistsError, NotADirectoryError):
        raise UserError(
            f"{option} {output} cannot be written: {folder} is a file or is inside one"
        ) from None
    except OSError as error:
        raise UserError(f"{option} {output} cannot be written ({error.strerror})") from None
    if not may_write:
        raise UserError(f"{option} {output} cannot be written: it is write-protected")


def require_head_file(output: Path) -> None:
    """A `UserError` if an output does not end in .safetensors, cannot be written, or another file would be lost."""
    if output.suffix != ".safetensors":
        raise UserError(f"--output {output}: a head is a .safetensors file")
    require_writable(output)
    require_own_description(output)


TABLE_SUFFIXES = (".csv", ".json", ".jsonl", ".txt", "")  # devices have none


def require_table(output: Path) -> None:
    """A `UserError` if an output does not have the suffix of a text table, or cannot be written."""
    if output.suffix.lower() not in TABLE_SUFFIXES:
        raise UserError(f"--output {output}: a table is written as CSV; name a .csv file")
    if not is_device(output):
        require_writable(output)
    elif not os.access(output, os.W_OK):
        raise UserError(f"--output {output} cannot be written: it is write-protected")


STANDARD_OUTPUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


@contextmanager
def text_output(output: Path | None) -> Iterator[TextIO]:
    """Open an output for text; None is standard output. A file is replaced once the new one is complete."""
    if output is None or str(output) in STANDARD_OUTPUT:
        yield sys.stdout
        return
    adds = is_device(output)
    whole = nullcontext(output) if adds else atomic(output.resolve())  # keeps a link
    with whole as path, path.open("a" if adds else "w", encoding="utf-8", newline="") as file:
        yield file


OUTPUT_PARAMETERS = ("output", "picture", "curve")  # each names a file to write


def refuse_overwriting(values: Mapping[str, Any], in_place: str | None = None) -> None:
    """A `UserError` if an output of a command would overwrite an input (see `require_no_input`) or another output.

    Parameters
    ----------
    values : mapping
        Parameters of the command.
    in_place : str, optional
        The parameter whose file `output` may overwrite.
    """
    outputs: dict[Path, str] = {}
    for name in OUTPUT_PARAMETERS:
        output = values.get(name)
        if not isinstance(output, Path):
            continue
        other = outputs.setdefault(output.resolve(), name)
        if other != name:
            raise UserError(f"--{other} and --{name} are one file, {output}; name two files")
        require_no_input(f"--{name}", output, _inputs(values, in_place))


def _inputs(values: Mapping[str, Any], in_place: str | None) -> Iterator[Path]:
    """The files and folders among the parameters, and the description beside a head."""
    for name, value in values.items():
        if isinstance(value, InputOptions):
            yield from map(Path, split(value.components))
        elif isinstance(value, FMChoice):
            yield from filter(None, [value.checkpoint])
        elif name not in (*OUTPUT_PARAMETERS, in_place):
            entries = value if isinstance(value, list | tuple) else [value]
            yield from (entry for entry in entries if isinstance(entry, Path))
            if name == "head":
                yield value.with_suffix(".json")
