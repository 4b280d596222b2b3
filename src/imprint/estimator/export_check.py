"""Run exported files and compare them with `predict`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.errors import UserError
from imprint.estimator.labels import class_numbers
from imprint.store.given_embeddings import EMBEDDINGS_SUFFIXES

if TYPE_CHECKING:
    from imprint.data.images import Images
    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.estimator.export_files import Form
    from imprint.estimator.fm_choice import FMChoice
    from imprint.fm.embedder import Embedder
    from imprint.store.heads import Head

MOST_SAMPLES = 64  # samples that a file is run on
# As a share of the range of scores. Rounding errors are far smaller, except for euclidean distances near 0, where they reach
# half of it
TOLERANCE = 1e-3
# As a share of the largest score: float32 errors in the part of the scores that close proxies have in common
ROUNDING = 1e-6
GRID = (2, 4)  # crops of each photograph


@dataclass(frozen=True)
class Samples:
    """Inputs for a file, and the scores and labels that the head gives for them.

    Attributes
    ----------
    kind : str
        Description of the inputs, in words.
    input : ndarray
        Input of the file, float32.
    scores : ndarray of shape (n, C)
        Class scores.
    labels : ndarray of shape (n,)
        Columns of the labels that `predict` gives.
    """

    kind: str
    input: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Check:
    """How an exported file agrees with `predict`.

    Attributes
    ----------
    runtime : str
        The runtime and its version.
    kind : str
        Description of the inputs.
    samples : int
        Number of inputs.
    equal_labels : int
        Number of equal labels; for the other inputs the two best classes have nearly equal scores.
    largest_difference : float
        Largest difference of a class score.
    """

    runtime: str
    kind: str
    samples: int
    equal_labels: int
    largest_difference: float

    @property
    def text(self) -> str:
        """The result in one line."""
        equal = "equal labels"
        if self.equal_labels < self.samples:
            equal = f"equal labels on {self.equal_labels}, on the others a tie"
        return (
            f"checked in {self.runtime} on {self.samples} {self.kind}: {equal}, largest difference of scores "
            f"{self.largest_difference:.0e}"
        )


def image_samples(
    classifier: ImprintingClassifier, embedder: Embedder, source: Path | None
) -> Samples:
    """Images to check a file with the FM: those of a source, or crops of the photographs in scikit-learn."""
    import torch

    from imprint.estimator import image_sources
    from imprint.fm.compute import Batched
    from imprint.fm.loading import batches, unreadable
    from imprint.fm.readers import ReaderImages, Readers

    if source is None:
        images, kind = photographs(), "crops of photographs"
    elif source.suffix.lower() in EMBEDDINGS_SUFFIXES:
        raise UserError(
            f"check (--check): {source} holds embeddings; a file with the FM takes images"
        )
    else:
        whole = image_sources.images_of(source, classes="ignored", split="test")
        images, kind = whole.take(_spread(len(whole))), "images"
    pixels = []
    with Readers(ReaderImages(images, embedder.transform), 0) as readers:
        for _, x, unread in batches(readers, MOST_SAMPLES):
            if unread:
                raise unreadable(images, unread)
            if x is not None:
                pixels.append(x.expand(-1, 3, -1, -1))
    stacked = torch.cat(pixels)
    embeddings = Batched(embedder, torch.device("cpu"), "float32")(stacked).numpy()
    return _samples(classifier, kind, stacked.numpy().astype(np.float32) / 255, embeddings)


def embedding_samples(
    classifier: ImprintingClassifier, head: Head, fm: FMChoice, source: Path | None
) -> Samples:
    """Embeddings to check a head alone: those of a source, or mixtures of its proxies."""
    from imprint.estimator import inputs

    if source is not None:
        x = inputs.read_unlabelled([source], fm, head).x
        return _samples(classifier, "embeddings", x[_spread(len(x))], x[_spread(len(x))])
    random = np.random.default_rng(0)
    if head.embedding_size != head.proxies.shape[1]:  # NORMpre changes the number of values
        x = random.normal(size=(MOST_SAMPLES, head.embedding_size)).astype(np.float32)
        return _samples(classifier, "random embeddings", x, x)
    proxies = classifier.proxies_ / np.float32(head.description.get("scale", 1.0))
    first, second = proxies[random.integers(0, len(proxies), (2, MOST_SAMPLES))]
    share = random.uniform(size=(MOST_SAMPLES, 1)).astype(np.float32)
    x = (share * first + (1 - share) * second).astype(np.float32)
    return _samples(classifier, "mixtures of its proxies", x, x)


def _samples(
    classifier: ImprintingClassifier, kind: str, inputs: np.ndarray, embeddings: np.ndarray
) -> Samples:
    labels = class_numbers(classifier.classes_, classifier.predict(embeddings))
    return Samples(kind, inputs, classifier.class_scores(embeddings), labels)


def photographs() -> Images:
    """Sixteen crops of the two photographs in scikit-learn."""
    from sklearn.datasets import load_sample_images

    from imprint.data.images import Images

    crops = [
        tile
        for photograph in load_sample_images().images
        for row in np.array_split(photograph[: len(photograph) // GRID[0] * GRID[0]], GRID[0])
        for tile in np.array_split(row, GRID[1], axis=1)
    ]
    ids = [str(number) for number in range(len(crops))]
    return Images(np.zeros(len(crops), np.int64), ids, ("",), array=np.stack(crops))


def _spread(count: int) -> np.ndarray:
    """At most `MOST_SAMPLES` of the indices below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_SAMPLES)).astype(int))


def check(path: Path, form: Form, samples: Samples, named: Path) -> Check | None:
    """Run a file on samples, as one batch and on a single sample.

    Returns
    -------
    Check or None
        None if the runtime is not installed.

    Raises
    ------
    UserError
        If the results of the file differ from `predict`.
    """
    from imprint.estimator.export_files import Form

    loaded = (_onnx if form is Form.onnx else _program)(path)
    if loaded is None:
        return None
    runtime, run = loaded
    scores = run(samples.input)
    alone = run(samples.input[:1])
    spread = float(np.ptp(samples.scores) or 1)
    if samples.scores.shape[1] == 1:  # scores of one class may be rounding errors alone
        spread = max(spread, 1.0)
    margin = TOLERANCE * spread
    if alone.shape != (1, scores.shape[1]) or len(scores) != len(samples.input):
        raise UserError(f"{named}: {runtime} gives {alone.shape} for one sample; not written")
    equal = scores.argmax(axis=1) == samples.labels
    best = np.sort(samples.scores, axis=1)
    tied = (best[:, -1:] - best[:, :-1] <= margin).any(axis=1)  # False for a single class
    difference = float(np.abs(scores - samples.scores).max())
    largest_difference = max(margin, ROUNDING * float(np.abs(samples.scores).max()))
    if not (equal | tied).all() or difference > largest_difference:
        raise UserError(
            f"{named} is not written: in {runtime} {(~equal).sum()} of {len(equal)} labels differ from those of "
            f"predict, and scores differ by up to {difference:.1g}; try the other form (to, --to)"
        )
    return Check(runtime, samples.kind, len(equal), int(equal.sum()), difference)


ScoreFunction = Callable[[np.ndarray], np.ndarray]


def _onnx(path: Path) -> tuple[str, ScoreFunction] | None:
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return None
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()

    def run(x: np.ndarray) -> np.ndarray:
        return session.run(["scores"], {entry.name: x})[0]

    return f"onnxruntime {onnxruntime.__version__}", run


def _program(path: Path) -> tuple[str, ScoreFunction]:
    import torch

    program: Any = torch.export.load(path).module()

    def run(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            scores: np.ndarray = program(torch.from_numpy(x))["scores"].numpy()
        return scores

    return f"torch {torch.__version__}", run
