"""The split, training or test, that neural collapse was measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.natural_order import natural_order
from imprint.method.score_names import TEST_SPLIT, TRAINING_SPLIT

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

TRAINING_SAMPLES = "training_samples"
NAMES = {TRAINING_SPLIT: "training embeddings", TEST_SPLIT: "test embeddings"}


def of_split(collapse: pd.DataFrame, split: str = TRAINING_SPLIT) -> pd.DataFrame:
    """The rows of collapse that were measured on one split."""
    return collapse[is_of_split(collapse, split)]


def is_of_split(collapse: pd.DataFrame, split: str) -> np.ndarray:
    """Mask of the rows of collapse that were measured on this split, see `of_split`."""
    return (collapse["split"] == split).to_numpy(bool)


def with_training_samples(collapse: pd.DataFrame) -> pd.DataFrame:
    """Collapse with the column `training_samples`: the number of training samples of each task and draw, also in test rows.

    It is added before the rows of one split are chosen, and unknown if those of the training split are not there.
    """
    import pandas as pd

    keys = ["fm", "task", "draw"]
    rows = collapse[[*keys, "samples"]].astype({"fm": str, "task": str, "samples": float})
    counts = rows[is_of_split(collapse, TRAINING_SPLIT)].groupby(keys)["samples"].first()
    of_rows = counts.reindex(pd.MultiIndex.from_frame(rows[keys]))
    return collapse.assign(**{TRAINING_SAMPLES: of_rows.to_numpy()})


def nc1_note(collapse: pd.DataFrame) -> list[str]:
    """A sentence on the embeddings of NC1, unless all are training embeddings."""
    return [] if of_split(collapse, TEST_SPLIT).empty else [f"{nc1_in_words(collapse)}."]


def nc1_in_words(collapse: pd.DataFrame) -> str:
    """The embeddings on which the NC1 of these rows was measured, as figures write it.

    Examples
    --------
    >>> import pandas as pd
    >>> nc1_in_words(pd.DataFrame({"family": ["mnist", "cifar10", "imagenet"], "split": ["train", "train", "test"]}))
    'NC1 of training embeddings; for imagenet of test embeddings'
    """
    families = {split: natural_order(of_split(collapse, split)["family"]) for split in NAMES}
    first, other = sorted(NAMES, key=lambda split: len(families[split]), reverse=True)
    text = f"NC1 of {NAMES[first]}"
    if families[other]:
        text += f"; for {', '.join(families[other])} of {NAMES[other]}"
    return text
