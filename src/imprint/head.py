"""Saved heads: the proxies of one method on one task, with all that is needed to use them on new embeddings.

A head is one safetensors file, its description in the header, and the same description beside it as JSON for people.
`ImprintingClassifier.load` makes a classifier of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint import __version__
from imprint.data.tasks import Pool
from imprint.errors import UserError
from imprint.method import Configuration
from imprint.store import ProxySet, atomic, canonical

if TYPE_CHECKING:
    import pandas as pd

# what must agree where a head is used: another of these gives other embeddings
IDENTITY = ("model", "weights_sha256", "transform")


@dataclass(frozen=True)
class Head:
    """Proxies (P, D) float32 as generated, their classes (P,), and what they are.

    about: configuration, classes (names), fm (name, model, weights_sha256, transform), task, accuracy, version; `unit`
    where the proxies are samples before NORMpre = l2, as `Candidate` has it.
    classifier: (C, D) the FM's own, where NORMpost needs it. state: further arrays by name, what an estimator needs
    to take in more classes.
    """

    proxies: np.ndarray
    labels: np.ndarray
    about: dict[str, Any]
    classifier: np.ndarray | None = None
    state: dict[str, np.ndarray] = field(default_factory=dict)

    def require_fm(self, fm: Any) -> None:
        """A `UserError` if `fm` (see `fm_of`) has another model, other weights or another transform than this head's."""
        own, other = self.about["fm"], fm_of(fm)
        keys = [name for name in IDENTITY if name in own] or ["fm"]
        wrong = [
            f"{name} {_shown(own.get(name))}, not {_shown(other.get(name))}"
            for name in keys
            if canonical(own.get(name)) != canonical(other.get(name))
        ]
        if wrong:
            raise UserError(
                f"this head was made from embeddings of another kind: its FM has {'; '.join(wrong)}. Embed with that "
                "FM, or fit a head on embeddings of yours"
            )


def fm_of(fm: Any) -> dict[str, Any]:
    """What is known of an FM.

    fm: a mapping with `model`, `weights_sha256` and `transform` (of these at least `model`, or a name as `fm`), as the
    provenance of an embeddings file has them; or what carries them, a `store.Embeddings` or an `fm.models.Embedder`.
    """
    if hasattr(fm, "provenance"):
        fm = fm.provenance
    elif hasattr(fm, "identity"):
        fm = {**fm.identity, "transform": fm.transform.as_dict()}
    if not isinstance(fm, Mapping) or not (fm.get("model") or fm.get("fm")):
        raise UserError(
            f"fm {fm!r} names no FM; give a mapping with model, weights_sha256 and transform, the provenance of an "
            "embeddings file, or the Embedder"
        )
    return dict(fm)


def _shown(value: Any) -> str:
    return "an unknown one" if value is None else value if isinstance(value, str) else canonical(value)


def best(scores: pd.DataFrame) -> tuple[Configuration, int, float]:
    """The configuration with the highest median accuracy, the seed of it that reaches the median, and that accuracy.

    scores: rows of one (FM, task, shots). Equal medians: fewest proxies, then the order of the table.
    """
    import pandas as pd

    fields = list(Configuration._fields)
    keys = scores[fields].astype(object).where(scores[fields].notna(), None)
    number = keys.fillna("").groupby(fields, sort=False).ngroup()
    summary = scores.groupby(number.to_numpy()).agg(
        accuracy=("accuracy", "median"), proxies=("proxies", "median")
    )
    order = summary.sort_values(["accuracy", "proxies"], ascending=[False, True], kind="stable")
    mine = scores[number.to_numpy() == order.index[0]]
    median = float(order["accuracy"].iloc[0])
    nearest = (mine["accuracy"] - median).abs().to_numpy().argmin()
    values = {n: None if pd.isna(v) else v for n, v in mine.iloc[nearest][fields].items()}
    whole = {n: int(v) if n in ("k", "m") and v is not None else v for n, v in values.items()}
    return Configuration(**whole), int(mine.iloc[nearest]["seed"]), median


def save(
    path: str | Path, train: Pool, proxies: ProxySet, configuration: Configuration, about: dict[str, Any]
) -> None:
    """Write the head of a proxy set of the workflow to `path`, as `write` does."""
    about = {
        "configuration": configuration._asdict(),
        "unit": proxies.samples is not None and configuration.norm_pre == "l2",
        "samples": len(train.x),
        **about,
    }
    classifier = train.head if configuration.norm_post == "quantile_fm" else None
    state = {} if proxies.samples is None else {"sample_ids": as_bytes(proxies.samples)}
    write(path, Head(proxies.matrix(train.x), proxies.labels, about, classifier, state))


def as_bytes(ids: np.ndarray) -> np.ndarray:
    """Numbers or texts (n,) as the bytes of a JSON list, uint8, as `state` keeps the ids of samples."""
    return np.frombuffer(json.dumps(ids.tolist()).encode(), np.uint8)


def write(path: str | Path, head: Head) -> None:
    """Write a head to `path` (.safetensors) and its description beside it (.json)."""
    from safetensors.numpy import save_file

    if Path(path).suffix != ".safetensors":
        raise UserError(f"{path}: a head is a .safetensors file, with its description beside it as .json")
    tensors = {"proxies": head.proxies.astype(np.float32, copy=False), "labels": head.labels.astype(np.int64)}
    if head.classifier is not None:
        tensors["classifier"] = head.classifier
    tensors |= {_STATE + name: array for name, array in head.state.items()}
    about = {"imprint": __version__, **head.about}
    with atomic(path) as temporary:
        save_file(
            {name: np.ascontiguousarray(array) for name, array in tensors.items()},
            temporary,
            metadata={"imprint": json.dumps(about)},
        )
    with atomic(Path(path).with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


_STATE = "state."  # begins the names of tensors that prediction does not need


def load(path: str | Path) -> Head:
    """Read a head that `write` wrote; anything else is a `UserError`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})["imprint"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no iteration without)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (SafetensorError, KeyError, OSError) as error:
        raise UserError(f"{path} is no head of imprint ({error!r})") from None
    if not {"proxies", "labels"} <= tensors.keys():
        raise UserError(f"{path} is no head of imprint (it has no proxies)")
    state = {name.removeprefix(_STATE): tensors[name] for name in tensors if name.startswith(_STATE)}
    return Head(tensors["proxies"], tensors["labels"], about, tensors.get("classifier"), state)


def describe(path: str | Path) -> tuple[dict[str, list[int]], dict[str, Any]]:
    """The shapes of the tensors of a safetensors file, and what imprint wrote about it, without reading them."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("imprint", "{}"))
            return {name: file.get_slice(name).get_shape() for name in file.keys()}, about  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a readable safetensors file ({error})") from None
