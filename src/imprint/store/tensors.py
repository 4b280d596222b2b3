"""Safetensors files with a description in their header, sealed and written atomically."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imprint.errors import UserError
from imprint.store.files import atomic
from imprint.store.seals import NAME, seal

_KEY = "imprint"  # of the description in the metadata


def write_tensors(path: str | Path, save: Callable[..., None], description: str) -> None:
    """Write a safetensors file.

    Parameters
    ----------
    path : path
        The file.
    save : callable
        `save_file` of safetensors with its tensors; it is called with a path and metadata.
    description : str
        JSON of a mapping, with a blank seal.

    Raises
    ------
    UserError
        If it cannot be written, as on a full disk.
    """
    from safetensors import SafetensorError

    with atomic(path) as temporary:
        try:
            # one key: safetensors does not keep the order of several
            save(temporary, metadata={_KEY: description})
        except SafetensorError as error:
            raise UserError(f"{path} cannot be written ({error})") from None
        seal(temporary)


@contextmanager
def open_tensors(
    path: str | Path, framework: str = "numpy", kind: str = "a readable safetensors file"
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Open a safetensors file.

    Parameters
    ----------
    path : path
        The file; its seal is not checked.
    framework : {"numpy", "pt"}
        The kind of its tensors.
    kind : str
        What the file is expected to be, for messages.

    Yields
    ------
    file : safe_open
        The open file.
    description : dict
        The description that `write_tensors` wrote; empty for any other file.

    Raises
    ------
    UserError
        If it is missing or not a safetensors file, or if reading it inside the context fails.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            yield file, _description(file)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (SafetensorError, TypeError, ValueError, OSError) as error:
        raise UserError(f"{path} is not {kind} ({error})") from error


def _description(file: Any) -> dict[str, Any]:
    try:
        description = json.loads((file.metadata() or {})[_KEY])
    except (KeyError, ValueError):
        return {}
    if not isinstance(description, dict):
        return {}
    description.pop(NAME, None)
    return description
