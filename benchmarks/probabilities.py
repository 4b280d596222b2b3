"""How good the probabilities of the default head are: accuracy, log loss and calibration error on test samples.

    python -m benchmarks.probabilities [FOLDER] [--draws 5]

FOLDER holds `train.h5` and `test.h5` of one dataset by one FM, as for `benchmarks.shots`; the default is scikit-learn's digits by
EfficientNet-Lite0, which `make` computes. Few classes and few images matter most: held-out images are then often separated
perfectly, which says little about new ones.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from benchmarks.options import new_parser
from benchmarks.shots import DIGITS
from imprint import ImprintingClassifier
from imprint.estimator.evaluation import evaluate
from imprint.store.embeddings import Embeddings, read_embeddings

SHOTS = (3, 10, 30, 100)
FEW_CLASSES = 3


def measure(
    train: Embeddings, test: Embeddings, classes: int, shots: int, draws: int
) -> np.ndarray:
    """Mean accuracy (%), log loss and calibration error (points) of the first `classes` classes over draws."""
    measured = []
    tested = test.y < classes
    for draw in range(draws):
        random = np.random.default_rng(draw)
        rows = np.concatenate(
            [random.permutation(np.flatnonzero(train.y == c))[:shots] for c in range(classes)]
        )
        head = ImprintingClassifier(random_state=draw).fit(train.x[rows], train.y[rows])
        result = evaluate(head, test.x[tested], test.y[tested])
        assert result.log_loss is not None and result.calibration_error is not None
        measured.append((100 * result.accuracy, result.log_loss, 100 * result.calibration_error))
    return np.mean(measured, axis=0)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DIGITS)
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # few samples
    train, test = (read_embeddings(options.folder / f"{split}.h5") for split in ("train", "test"))
    print("classes  images per class  accuracy (%)  log loss  calibration error (points)")
    for classes in (FEW_CLASSES, len(train.class_names)):
        for shots in SHOTS:
            accuracy, loss, error = measure(train, test, classes, shots, options.draws)
            print(f"{classes:>7}  {shots:>16}  {accuracy:>12.1f}  {loss:>8.3f}  {error:>26.1f}")


if __name__ == "__main__":
    main()
