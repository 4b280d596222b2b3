"""Saved heads: the proxies of one method on one task, with all that is needed to classify new embeddings.

A head is one safetensors file with its description in the header; a JSON file beside it has the same description, to read.
`ImprintingClassifier.load` makes a classifier from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.store.array_checks import check_head
from imprint.store.files import atomic
from imprint.store.fm_identity import fm_differences, fm_identity
from imprint.store.seals import BLANK, NAME, check_seal
from imprint.store.tensors import open_tensors, write_tensors
from imprint.store.version import __version__

SUFFIX = ".safetensors"

_STATE = "state."  # prefix of tensors that prediction does not need
_NORM = "norm."  # prefix of tensors that fitted NORMs learnt
_REMEDY = "make it again or get another copy"  # for a damaged file
_BESIDE = "checkpoint_from_here"  # path of the FM's weights, relative to the folder of the head


@dataclass(frozen=True)
class Head:
    """A saved head.

    Attributes
    ----------
    proxies : ndarray of shape (P, D)
        Proxies as generated, float32.
    labels : ndarray of shape (P,)
        Their classes, ascending.
    description : dict
        configuration, classes (names), fm (name, model, weights_sha256, transform), task, accuracy, version; `unit` if
        the proxies are samples before NORMpre = l2, see `CandidateHead`; `embedding_size`, see the property.
    fm_classifier : ndarray of shape (C, D) or None
        The weights of the FM's own classifier, if NORMpost needs them.
    state : dict
        Further arrays by name, which an estimator needs to add classes.
    bias : ndarray of shape (P,) or None
        Added to the inner products of the proxies, float32.
    norms : dict
        Arrays that fitted NORMs learnt, see `FittedNorms.state`.
    """

    proxies: np.ndarray
    labels: np.ndarray
    description: dict[str, Any]
    fm_classifier: np.ndarray | None = None
    state: dict[str, np.ndarray] = field(default_factory=dict)
    bias: np.ndarray | None = None
    norms: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def embedding_size(self) -> int:
        """Number of values of the embeddings that the head takes: those of a proxy, unless NORMpre changes their number."""
        return int(self.description.get("embedding_size") or self.proxies.shape[1])

    def require_fm(self, fm: Any) -> None:
        """Check that this head can be used on embeddings of `fm`, see `fm_identity`.

        Raises
        ------
        UserError
            If its model, weights, transform or pooling differ from those of this head's FM.
        """
        if wrong := fm_differences(self.description["fm"], fm_identity(fm)):
            raise UserError(
                f"this head was made from embeddings of another kind: its FM has {'; '.join(wrong)}. Embed with that "
                "FM, or fit a head on your embeddings"
            )


def ids_as_bytes(ids: np.ndarray) -> np.ndarray:
    """Numbers or texts (n,) as the bytes of a JSON list, uint8: the form in which `state` stores sample ids."""
    try:
        text = json.dumps(ids.tolist())
    except TypeError:
        kind = type(ids.tolist()[0]).__name__
        raise UserError(f"save: JSON cannot hold ids of type {kind}; use text or numbers") from None
    return np.frombuffer(text.encode(), np.uint8)


def write_head(path: str | Path, head: Head) -> None:
    """Write a head to `path` (.safetensors) and its description beside it (.json)."""
    from safetensors.numpy import save_file

    if Path(path).suffix != SUFFIX:
        raise UserError(
            f"{path}: a head is a .safetensors file, with its description beside it as .json"
        )
    tensors = {
        "proxies": head.proxies.astype(np.float32, copy=False),
        "labels": head.labels.astype(np.int64),
    }
    if head.fm_classifier is not None:
        tensors["classifier"] = head.fm_classifier
    if head.bias is not None:
        tensors["bias"] = head.bias.astype(np.float32, copy=False)
    tensors |= {_STATE + name: array for name, array in head.state.items()}
    tensors |= {_NORM + name: array for name, array in head.norms.items()}
    description = {"imprint": __version__, **head.description}
    if checkpoint := description["fm"].get("checkpoint"):
        beside = os.path.relpath(checkpoint, Path(path).resolve().parent)
        description["fm"] = {**description["fm"], _BESIDE: beside}
    require_own_description(Path(path))
    # ascontiguousarray would turn scalars into arrays of one element
    ordered = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    try:
        in_header = json.dumps({**description, NAME: BLANK})
    except TypeError as error:
        raise UserError(
            f"{path}: the head cannot be described in JSON ({error}); describe its FM with texts and numbers"
        ) from None
    write_tensors(path, partial(save_file, ordered), in_header)
    with atomic(Path(path).with_suffix(".json")) as temporary:
        text = json.dumps(description, indent=1, ensure_ascii=False) + "\n"
        # what UTF-8 cannot encode, as in a folder's name that is not UTF-8, becomes an escape of JSON
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def require_own_description(path: Path) -> None:
    """A `UserError` if a file of something else has the name of the description of a new head."""
    # next to an existing head, the .json file is its description, even if it is damaged
    beside = path.with_suffix(".json")
    if not path.exists() and beside.is_file() and b'"imprint"' not in beside.read_bytes():
        raise UserError(
            f"{path}: the description of a head is written next to it, and {beside} is a file of something else that would be lost; "
            "choose another name"
        )


def read_head(path: str | Path) -> Head:
    """Read a head that `write_head` wrote.

    Raises
    ------
    UserError
        If the file is missing, not a head, damaged or edited.
    """
    if Path(path).is_dir():
        raise UserError(
            f"{path} is a folder, not a head; a head is a {SUFFIX} file, which imprint fit writes"
        )
    if Path(path).suffix == ".json" and (head := Path(path).with_suffix(SUFFIX)).exists():
        raise UserError(f"{path} is the description of a head; give the head, {head}")
    check_seal(path, _REMEDY)
    with open_tensors(path, kind="a head of imprint") as (file, description):
        names = file.keys()  # the file is not a mapping
        tensors = {name: file.get_tensor(name) for name in names}
    missing = {"proxies", "labels"} - tensors.keys()
    missing |= {"configuration", "classes", "fm", "seed"} - description.keys()
    if missing:
        raise UserError(
            f"{path} is not a head of imprint, or one of an older version (it has no {', '.join(sorted(missing))})"
        )
    check_head(str(path), tensors, description)
    _find_checkpoint(Path(path), description["fm"])
    return Head(
        tensors["proxies"],
        tensors["labels"],
        description,
        tensors.get("classifier"),
        _named(tensors, _STATE),
        tensors.get("bias"),
        _named(tensors, _NORM),
    )


def _find_checkpoint(path: Path, fm: dict[str, Any]) -> None:
    """Set the path of weights that were moved together with the head, if they do not exist at their old path."""
    beside = fm.pop(_BESIDE, None)
    if isinstance(beside, str) and not Path(str(fm.get("checkpoint"))).exists():
        moved = (path.resolve().parent / beside).resolve()
        if moved.exists():
            fm["checkpoint"] = str(moved)


def _named(tensors: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def describe_safetensors(path: str | Path) -> tuple[dict[str, list[int]], dict[str, Any]]:
    """The tensor shapes of a safetensors file, and imprint's description in it; the seal is checked."""
    check_seal(path, _REMEDY)
    with open_tensors(path) as (file, description):
        names = file.keys()  # the file is not a mapping
        return {name: file.get_slice(name).get_shape() for name in names}, description
