"""The job that describes the FMs of a study: what they are, how large and how fast."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.store.files import open_hdf5
from imprint.store.measurements import Measurements, read_measurements

if TYPE_CHECKING:
    import pandas as pd

# columns and their types; what is not known of an FM is missing
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
    """A row per FM.

    Parameters
    ----------
    files : iterable of paths
        All files of embeddings of the FMs.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`. Parameters are those that make the embedding, without the classifier. Images a second are
        without start-up, over all files that were made on the same device with the same threads: those with most images.
    """
    import pandas as pd

    fms: dict[str, dict[str, Any]] = {}
    notes: dict[str, list[Measurements]] = {}
    for path in files:
        facts = _facts(path)
        fms[facts["fm"]] = facts
        notes.setdefault(facts["fm"], []).extend(read_measurements(path))
    rows = [{**facts, **_measured(notes[fm])} for fm, facts in fms.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _facts(path: str | Path) -> dict[str, Any]:
    """What a file of embeddings says of its FM."""
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
    """Parameters, images a second, and the device and threads under which most images were embedded."""
    measured: dict[str, Any] = {}
    images: Counter[tuple[str, int]] = Counter()
    seconds: Counter[tuple[str, int]] = Counter()
    for note in notes:
        measured["parameters"] = note["parameters"]
        if "seconds" in note:  # not where an earlier run had embedded all images
            conditions = note["device"], note["threads"]
            images[conditions] += note["images"]
            seconds[conditions] += note["seconds"]
    if images:
        (device, threads), count = images.most_common(1)[0]
        rate = count / seconds[device, threads]
        measured |= {"images_per_second": rate, "device": device, "threads": threads}
    return measured
