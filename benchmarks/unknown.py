"""How well heads distinguish images of unknown classes from images of known classes.

    python -m benchmarks.unknown FILE [FILE ...] [--shots 40] [--draws 3] [--seed SEED]

FILE holds embeddings with training and test samples, in the format of `benchmarks.heads`. In each draw some classes are left out
of the training samples: three of ten; with more than twenty classes, ten are known and ten unknown. Each head is fitted to random
training samples of the known classes. The means over draws are printed:

- AUROC (%): how often a test sample of a known class has a higher score than one of an unknown class, for three scores:
  `similarity`, the largest class score; `probability`, the largest; `familiarity`, the score that `reject` uses.
- the share (%) of test samples of known and of unknown classes that `reject=0.01`, `0.05` and `0.2` reject, and the error (%) of
  the known samples that are kept.
- for comparison, the share of known samples that the 1% quantile of the scores of training samples rejects.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from benchmarks.data import SEED
from benchmarks.head_cells import read
from benchmarks.options import new_parser
from imprint import ImprintingClassifier

METHODS: dict[str, dict[str, Any]] = {
    "mean (qi)": {"method": "qi"},
    "k-means 20 (westerhoff)": {"method": "westerhoff"},
    "whitened mean (whiten)": {"method": "whiten"},
    "whitened k-means 20": {"method": "whiten", "gen": "kmeans", "k": 20},
    "auto": {"method": "auto"},
    "all": {"gen": "all"},
    "ridge": {"method": "ridge"},
    "linear probe": {"method": "probe"},
    "lda": {"method": "lda"},
    "knn": {"method": "knn"},
}
SHARES = (0.01, 0.05, 0.2)
MANY = 20  # with more classes, ten are known


@dataclass(frozen=True)
class Draw:
    """Training samples of the known classes, and test samples of known and of unknown ones."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    known: np.ndarray


def draws(path: Path, shots: int, count: int, seed: int) -> Iterator[Draw]:
    """The draws of a file."""
    train, test = read(path)
    classes = int(train.y.max()) + 1
    for number in range(count):
        random = np.random.default_rng((seed, number))
        order = random.permutation(classes)
        known, unknown = (order[:10], order[10:20]) if classes > MANY else (order[:7], order[7:10])
        rows = [random.permutation(np.flatnonzero(train.y == label))[:shots] for label in known]
        chosen = np.concatenate(rows)
        tested = np.isin(test.y, np.concatenate([known, unknown]))
        test_y = test.y[tested]
        yield Draw(train.x[chosen], train.y[chosen], test.x[tested], test_y, np.isin(test_y, known))


def measured(draw: Draw, parameters: dict[str, Any], seed: int) -> dict[str, float]:
    """The measurements of one head on one draw, in percent."""
    head = ImprintingClassifier(**parameters, probability=True, random_state=seed % 2**31)
    head.fit(draw.x, draw.y)
    scores = head.class_scores(draw.test_x)
    familiarity = head.familiarity(draw.test_x)
    known = draw.known
    right = head.predict(draw.test_x) == draw.test_y
    facts = {
        "accuracy": float(right[known].mean()),
        "AUROC, similarity": roc_auc_score(known, scores.max(axis=1)),
        "AUROC, probability": roc_auc_score(known, head.predict_proba(draw.test_x).max(axis=1)),
        "AUROC, familiarity": roc_auc_score(known, familiarity),
    }
    for share in SHARES:
        if share < head.held_out("reject").least:
            continue
        kept = familiarity > share
        facts[f"known rejected at {share:.0%}"] = float((~kept[known]).mean())
        facts[f"unknown rejected at {share:.0%}"] = float((~kept[~known]).mean())
        facts[f"error of kept at {share:.0%}"] = float((~right[known & kept]).mean())
    of_training = np.quantile(head.class_scores(draw.x).max(axis=1), 0.01)
    below = scores.max(axis=1) < of_training
    facts["known rejected by 1% of training scores"] = float(below[known].mean())
    return {name: 100 * value for name, value in facts.items()}


def main() -> None:
    """Print a table for each file."""
    parser = new_parser(__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--shots", type=int, default=40, help="training samples per class")
    parser.add_argument("--draws", type=int, default=3, help="choices of the known classes")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    frames = []
    with threadpool_limits(limits=1):
        for path in arguments.files:
            of_file = list(draws(path, arguments.shots, arguments.draws, arguments.seed))
            rows = {}
            for name, parameters in METHODS.items():
                of_draws = [measured(draw, parameters, arguments.seed) for draw in of_file]
                rows[name] = pd.DataFrame(of_draws).mean()
                print(f"{path.stem}: {name}", file=sys.stderr)
            frames.append(pd.DataFrame(rows).T)
            print(f"\n{path.stem}\n{frames[-1].round(1).T.to_string()}", flush=True)
    if len(frames) > 1:
        means = sum(frames[1:], frames[0]) / len(frames)
        print(f"\nmean of {len(frames)} files\n{means.round(1).T.to_string()}")


if __name__ == "__main__":
    main()
