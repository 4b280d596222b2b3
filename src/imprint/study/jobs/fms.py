"""The job that describes the FMs of a study: model, size and speed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from imprint.store.files import open_hdf5
from imprint.store.measurements import Measurements, read_measurements

# columns and their types; unknown values are missing
COLUMNS = {
    "fm": "str",
    "model": "str",
    "input_size": "str",
    "precision": "str",
    "dimensions": "Int64",
    "parameters": "Int64",
    "images_per_second": "float64",
    "device": "str",
    "threads": "Int64",
}


def describe_fms(files: Iterable[str | Path]) -> pd.DataFrame:
    """Describe each FM in one row.

    Parameters
    ----------
    files : iterable of paths
        All embeddings files of the FMs.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`. `parameters` counts those of the model without its classifier. `images_per_second` leaves
        out start-up and covers all files made with one device and number of threads: those that embedded most images.
    """
    fms: dict[str, dict[str, Any]] = {}
    notes: dict[str, list[Measurements]] = {}
    for path in files:
        facts = _facts(path)
        fms[facts["fm"]] = facts
        notes.setdefault(facts["fm"], []).extend(read_measurements(path))
    rows = [{**facts, **_measured(notes[fm])} for fm, facts in fms.items()]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    # before pandas 3, the type "str" makes texts such as "None" of missing values
    return table.astype(COLUMNS).where(table.notna())


def _facts(path: str | Path) -> dict[str, Any]:
    """The facts about an FM in an embeddings file."""
    with open_hdf5(path) as file:
        made_from = json.loads(file.attrs["provenance"])
        dimensions = file["embeddings"].shape[1]
    size = made_from.get("transform", {}).get("size")
    return {
        "fm": made_from["fm"],
        "model": made_from.get("model"),
        "input_size": "x".join(map(str, size)) if size else None,
        "precision": made_from.get("precision"),
        "dimensions": dimensions,
    }


def _measured(notes: list[Measurements]) -> dict[str, Any]:
    """Parameters, images per second, and the device and threads that embedded most images."""
    measured: dict[str, Any] = {}
    images: Counter[tuple[str, int]] = Counter()
    seconds: Counter[tuple[str, int]] = Counter()
    for note in notes:
        measured["parameters"] = note["parameters"]
        if "seconds" in note:  # missing if an earlier run had embedded all images
            conditions = note["device"], note["threads"]
            images[conditions] += note["images"]
            seconds[conditions] += note["seconds"]
    if images:
        (device, threads), count = images.most_common(1)[0]
        rate = count / seconds[device, threads]
        measured |= {"images_per_second": rate, "device": device, "threads": threads}
    return measured
