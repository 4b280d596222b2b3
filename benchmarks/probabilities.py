"""How good the probabilities of the default head are: accuracy, log loss and calibration error on test samples.

    python -m benchmarks.probabilities [FOLDER] [--draws 5]
    python -m benchmarks.probabilities --many

FOLDER holds `train.h5` and `test.h5` of one dataset by one FM, as for `benchmarks.shots`; the default is scikit-learn's digits by
EfficientNet-Lite0, which `make` computes. Few classes and few images matter most: held-out images are then often separated
perfectly, which says little about new ones.

--many instead takes synthetic classes of up to 60,000 images together, from which only a part is held out: accuracy, mean confidence, log
loss and the share of new samples of known classes that `reject=0.05` rejects, of the preset `whiten` fitted at once and, in the last row,
to which all but the first tenth of the samples were added.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from benchmarks.data import SEED
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


MANY = ((100, 80), (100, 200), (2500, 20), (10, 6000), (100, 400))  # classes, samples of each
FEATURES = 128


def normal_classes(classes: int, each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (n, FEATURES) of normal classes in random order, and their labels; the classes do not depend on the seed."""
    centres = np.random.default_rng(SEED).normal(size=(classes, FEATURES))
    random = np.random.default_rng(seed)
    y = random.permutation(np.repeat(np.arange(classes), each))
    x = centres[y] + 2 * random.normal(size=(len(y), FEATURES))
    return x.astype(np.float32), y


def many() -> None:
    """Print how far probabilities and rejection hold with many samples."""
    print("classes  samples  added  accuracy (%)  confidence (%)  log loss  rejected at 0.05 (%)")
    for (classes, each), share_added in [*((size, 0.0) for size in MANY), (MANY[-1], 0.9)]:
        x, y = normal_classes(classes, each, seed=1)
        test_x, test_y = normal_classes(classes, -(-5_000 // classes), seed=2)
        first = round(len(x) * (1 - share_added))
        head = ImprintingClassifier(method="whiten", probability=True, random_state=0)
        head.fit(x[:first], y[:first])
        if first < len(x):
            head.partial_fit(x[first:], y[first:])
        of_classes = head.predict_proba(test_x)
        right = 100 * (of_classes.argmax(axis=1) == test_y).mean()
        confidence = 100 * of_classes.max(axis=1).mean()
        loss = -np.log(of_classes[np.arange(len(test_y)), test_y]).mean()
        rejected = 100 * (head.familiarity(test_x) <= 0.05).mean()
        print(
            f"{classes:>7}  {len(x):>7,}  {len(x) - first:>6,}  {right:>11.1f}  {confidence:>14.1f}  {loss:>8.3f}  {rejected:>20.1f}"
        )


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DIGITS)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--many", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # few samples
    if options.many:
        many()
        return
    train, test = (read_embeddings(options.folder / f"{split}.h5") for split in ("train", "test"))
    print("classes  images per class  accuracy (%)  log loss  calibration error (points)")
    for classes in (FEW_CLASSES, len(train.class_names)):
        for shots in SHOTS:
            accuracy, loss, error = measure(train, test, classes, shots, options.draws)
            print(f"{classes:>7}  {shots:>16}  {accuracy:>12.1f}  {loss:>8.3f}  {error:>26.1f}")


if __name__ == "__main__":
    main()
