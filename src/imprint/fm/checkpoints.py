"""Weights of models: reading the usual file formats, checks against a model, and a hash."""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from imprint.errors import UserError
from imprint.formatting import listed
from imprint.store.files import canonical
from imprint.store.seals import BLANK, NAME, check_seal
from imprint.store.tensors import open_tensors, write_tensors

log = logging.getLogger("imprint")

# keys under which training programs store the state dict; averaged weights (EMA) take precedence
_WRAPPINGS = (
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema",
    "state_dict",
    "model_state_dict",
    "model",
    "module",
)
OF_TORCH = (".pth", ".pt", ".bin", ".ckpt", ".tar")  # suffixes of files that torch writes
_PREFIXES = ("module.", "_orig_mod.", "model.")  # of DataParallel, torch.compile, Lightning modules
_NO_WEIGHTS = ("n_averaged",)  # torch's AveragedModel counts its steps among the weights


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """The state dict of a checkpoint file, without the usual wrappers and prefixes.

    If a file also holds averaged weights (EMA), these are read.

    Parameters
    ----------
    path : path
        A .safetensors file, or one that torch wrote: .pth, .pt, .bin, .ckpt or .pth.tar.

    Raises
    ------
    UserError
        If the file is missing or holds anything but tensors and plain values: pickled code is never executed.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"checkpoint {path} does not exist")
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        state = _read_safetensors(path)
    elif suffix in OF_TORCH:
        state = _read_torch(path)
    else:
        raise UserError(
            f"checkpoint {path}: '{path.suffix}' is not one of .safetensors, {', '.join(OF_TORCH)}"
        )
    state = {key: value for key, value in state.items() if key not in _NO_WEIGHTS}
    while prefix := next(
        (p for p in _PREFIXES if state and all(key.startswith(p) for key in state)), None
    ):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


@contextmanager
def only_weights() -> Iterator[None]:
    """Inside this context torch.load executes no code, whatever arguments a library passes to it."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        os.environ.pop(name) if before is None else os.environ.update({name: before})


def _read_torch(path: Path) -> dict[str, torch.Tensor]:
    try:
        # checkpoints often hold the training arguments as a Namespace
        with torch.serialization.safe_globals([argparse.Namespace]):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises UnpicklingError, RuntimeError, EOFError, ...
        reason = next(iter(str(error).splitlines()), "it is empty or cut off")
        raise UserError(
            f"checkpoint {path} cannot be read as plain tensors ({reason}); "
            "save it with torch.save(model.state_dict(), ...) or as .safetensors"
        ) from error
    while isinstance(state, dict):
        inner = next(
            (state[name] for name in _WRAPPINGS if isinstance(state.get(name), dict)), None
        )
        if inner is None:
            break
        state = inner
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise UserError(f"checkpoint {path} holds no state dict (a mapping of names to tensors)")
    return state


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    check_seal(path, "delete it and make or fetch it again")
    with open_tensors(path, "pt") as (file, _):
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is not a mapping)


def save(path: str | Path, state: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
    """Write a state dict as safetensors, with facts about it; equal content gives equal bytes."""
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    write_tensors(path, partial(save_file, tensors), canonical({**facts, NAME: BLANK}))


def read_facts(path: str | Path) -> dict[str, Any]:
    """The facts about a state dict that `save` wrote; empty for any other file of weights."""
    if Path(path).suffix != ".safetensors":
        return {}
    with open_tensors(path) as (_, facts):
        return facts


def classifier_rows(
    state: Mapping[str, torch.Tensor], layer: str, path: str | Path
) -> torch.Tensor | None:
    """The weights of the classifier in a state dict, one row per class; None if it has none.

    Raises
    ------
    UserError
        If they are not a matrix or, for a convolution, an array of more axes.
    """
    rows = state.get(f"{layer}.weight")
    if rows is not None and rows.ndim < 2:
        raise UserError(
            f"{path}: {layer}.weight is of shape {tuple(rows.shape)}, not (classes, size of the embedding); remove the "
            "classifier from the file, or write its whole matrix"
        )
    return rows


def fill(
    model: nn.Module,
    state: Mapping[str, torch.Tensor],
    path: str | Path,
    ignored: tuple[str, ...] = (),
) -> None:
    """Load a state dict into a model.

    Parameters
    ----------
    model : nn.Module
        The model.
    state : mapping
        The state dict.
    path : path
        Its file, for messages.
    ignored : tuple of str
        Prefixes of keys that need not match.

    Raises
    ------
    UserError
        If keys or shapes differ, or the values cannot be trained weights. torch alone would leave random weights where a key
        does not match.
    """
    expected = model.state_dict()
    missing = [key for key in expected if key not in state and not key.startswith(ignored)]
    unexpected = [key for key in state if key not in expected and not key.startswith(ignored)]
    shapes = [
        f"{key} is {tuple(state[key].shape)}, the model expects {tuple(expected[key].shape)}"
        for key in expected
        if key in state and state[key].shape != expected[key].shape
    ]
    problems = [
        f"{len(keys)} of {total} keys {problem}: {listed(keys)}"
        for problem, keys, total in (
            ("of the model are missing", missing, len(expected)),
            ("of the file are unknown to the model", unexpected, len(state)),
            ("have a different shape", shapes, len(expected)),
        )
        if keys
    ]
    if problems:
        raise UserError(
            f"{path} does not fit the model {type(model).__name__}\n  " + "\n  ".join(problems)
        )
    _check_values(expected, state, path)
    known = OrderedDict((key, state[key]) for key in expected if key in state)
    known._metadata = getattr(expected, "_metadata", None)  # type: ignore[attr-defined] # versions of modules, which some need
    model.load_state_dict(known, strict=False)


def _check_values(
    expected: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], path: str | Path
) -> None:
    """Refuse weights that no training produces: integers, NaN, or constant matrices throughout."""
    matrices = {
        key: state[key]
        for key, tensor in expected.items()
        if key in state and tensor.is_floating_point() and tensor.ndim > 1 and tensor.numel() > 1
    }
    integers = [key for key, weights in matrices.items() if not weights.is_floating_point()]
    if integers:
        raise UserError(
            f"{path}: {listed(integers)} hold integers ({state[integers[0]].dtype}), not trained weights; "
            "quantised weights must be converted to floating point first"
        )
    bad = [key for key, weights in matrices.items() if not weights.isfinite().all()]
    if bad:
        raise UserError(f"{path}: {listed(bad)} hold NaN or infinity")
    constant = [key for key, weights in matrices.items() if weights.min() == weights.max()]
    if matrices and len(constant) == len(matrices):
        raise UserError(
            f"{path}: in each of its {len(matrices)} matrices all values are equal; these are not trained weights"
        )
    if constant:
        log.warning("%s: all values are equal in %s", path, listed(constant))


def weights_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of the names and values of a state dict; it does not depend on the file format."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
