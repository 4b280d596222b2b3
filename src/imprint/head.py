"""Saved heads: the proxies of one method on one task, with all that is needed to use them on new embeddings.

A head is one safetensors file, its description in the header, and the same description beside it as JSON for people.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from imprint import __version__, normalize
from imprint.data.tasks import Pool
from imprint.errors import UserError
from imprint.evaluate import Candidate, predict
from imprint.method import Configuration, Scoring
from imprint.store import ProxySet, atomic


@dataclass(frozen=True)
class Head:
    """Proxies (P, D) float32 as generated, their classes (P,), and what they are.

    about: configuration, classes (names), fm (name, model, weights_sha256, transform), task, accuracy, version.
    classifier: (C, D) the FM's own, where NORMpost needs it.
    """

    proxies: np.ndarray
    labels: np.ndarray
    about: dict[str, Any]
    classifier: np.ndarray | None = None

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Class numbers (n,) of embeddings x (n, D) by the same FM; `about["classes"]` names them."""
        if x.ndim != 2 or x.shape[1] != self.proxies.shape[1]:
            raise UserError(
                f"this head takes embeddings of {self.proxies.shape[1]} values by {self.about['fm']['model']}, not {x.shape}"
            )
        scoring = Scoring(*Configuration(**self.about["configuration"])[3:])
        candidate = Candidate(self.proxies, self.labels, (scoring,))
        ((_, predicted),) = predict(x, len(self.about["classes"]), [candidate], head=self.classifier)
        return predicted


def best(scores: pd.DataFrame) -> tuple[Configuration, int, float]:
    """The configuration with the highest median accuracy, the seed of it that reaches the median, and that accuracy.

    scores: rows of one (FM, task, shots). Equal medians: fewest proxies, then the order of the table.
    """
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
    """Write a head to `path` (.safetensors) and its description beside it (.json)."""
    from safetensors.numpy import save_file

    values = proxies.values
    if proxies.samples is not None:
        values = normalize.apply(configuration.norm_pre, train.x[proxies.samples])
    tensors = {"proxies": np.ascontiguousarray(values, np.float32), "labels": proxies.labels.astype(np.int64)}
    if configuration.norm_post == "quantile_fm":
        tensors["classifier"] = train.head
    about = {"imprint": __version__, "configuration": configuration._asdict(), **about}
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={"imprint": json.dumps(about)})
    with atomic(Path(path).with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: str | Path) -> Head:
    """Read a head that `save` wrote; anything else is a `UserError`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})["imprint"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no iteration without)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (SafetensorError, KeyError, OSError) as error:
        raise UserError(f"{path} is no head of imprint ({error!r})") from None
    return Head(tensors["proxies"], tensors["labels"], about, tensors.get("classifier"))
