"""Explanation of predicted labels by the nearest training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.errors import UserError
from imprint.estimator.fm_choice import FMChoice
from imprint.estimator.inputs import read_labelled, read_unlabelled
from imprint.estimator.labels import class_numbers
from imprint.estimator.photographs import FOLDER, Photographs, in_folder, photographs_of
from imprint.formatting import class_name
from imprint.method.calibration import probabilities
from imprint.method.normalize import l2
from imprint.store.files import require_no_input

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.report.drawing.tiles import Tile
    from imprint.store.embeddings import Embeddings
    from imprint.store.heads import Head

SHOWN = 20  # maximum number of images in a picture
ROUNDING = 1e-5  # share of the largest value by which embeddings of one image may differ


@dataclass(frozen=True)
class Neighbour:
    """A training sample near an image.

    Attributes
    ----------
    id : str
        Id of the training sample.
    label : str
        Its class.
    similarity : float
        Its cosine to the image in the space where the head compares them; for an example of a proxy, the score of that proxy.
    """

    id: str
    label: str
    similarity: float


@dataclass(frozen=True)
class Explanation:
    """A label and the training samples that support it.

    Attributes
    ----------
    id : str
        Id of the image.
    label : str
        The predicted class.
    score : float
        Score of this class, see `ImprintingClassifier.class_scores`.
    probability, familiarity : float or None
        Probability of this class, and `ImprintingClassifier.familiarity` of the image; None if no samples were held out.
    nearest : tuple of Neighbour
        The nearest training samples, or examples of the nearest proxies; nearest first.
    """

    id: str
    label: str
    score: float
    probability: float | None
    familiarity: float | None
    nearest: tuple[Neighbour, ...]

    def as_dict(self) -> dict[str, Any]:
        """The explanation for JSON."""
        return asdict(self)


def explain(
    head: str | Path | ImprintingClassifier,
    sources: str | Path | Sequence[str | Path],
    *,
    train: str | Path | None = None,
    n: int = 5,
    picture: str | Path | None = None,
    images: str | Path | None = None,
    group: str | None = None,
    fm: str | FMChoice | None = None,
) -> list[Explanation]:
    """Explain predicted labels by the nearest training images.

    Parameters
    ----------
    head : path or ImprintingClassifier
        A saved or fitted head.
    sources : path or sequence of paths
        Images, folders of images, or embeddings, as for `imprint predict`.
    train : path, optional
        The training images or, faster, their embeddings: the nearest of all of them are shown. By default, each of the nearest
        proxies is shown by an example: the training image nearest to it, among those from which its class was first imprinted.
        The head holds the ids of examples.
    n : int, default=5
        Number of training images per image.
    picture : path, optional
        Where to write a picture (.png, .pdf or .svg) of the first 20 images.
    images : path, optional
        The folder of the training images if they have moved, and of the images to explain if `sources` are embeddings that
        do not say where their images are.
    group : str, optional
        The group of HDF5 files that holds embeddings.
    fm : str or FMChoice, optional
        The FM that embeds images; by default that of the head.

    Returns
    -------
    list of Explanation
        One for each image.

    Raises
    ------
    UserError
        If a source is not usable, or a training image for the picture is not found.

    Examples
    --------
    >>> import imprint
    >>> why = imprint.explain("birds.safetensors", "photo.jpg", picture="why.png")  # doctest: +SKIP
    >>> why[0].label, why[0].nearest[0].id  # doctest: +SKIP
    ('robin', 'robin/17.jpg')
    """
    from imprint.estimator.open_heads import classifier_of, file_of, named

    if not isinstance(n, int | np.integer) or n < 1:
        raise UserError(f"explain: n={n} is not a positive whole number")
    if picture is not None:
        from imprint.report.head_pictures import require_form

        require_form(Path(picture))
    choice = FMChoice.of(fm)
    source_list = [sources] if isinstance(sources, str | Path) else list(sources)
    paths = [Path(source) for source in source_list]
    if not paths:
        raise UserError(
            "explain: there are no sources; give images, folders of images, or embeddings"
        )
    if picture is not None:
        others = [Path(each) for each in (train, images) if each is not None]
        require_no_input("explain: the picture", Path(picture), [*paths, *others])
    classifier = classifier_of(head)
    saved = file_of(head)
    if train is None and classifier.proxy_examples_ is None:
        raise UserError(
            f"{named(head)} does not name its training images; give them, or their embeddings, as train (--train)"
        )
    if train is None and picture is not None and not _names_images(classifier):
        raise UserError(
            f"{named(head)} was fitted to embeddings without names of their images (sample_ids in Python, ids in a file), so "
            "they cannot be shown; give the training images, or their embeddings, as train (--train)"
        )
    beside = [] if train is None else [Path(train)]
    embeddings = read_unlabelled(paths, choice, saved, group=group, beside=beside)
    training = None
    if train is not None:
        training = read_labelled(Path(train), choice, head=saved, group=group, beside=paths)
        near = _near_samples(classifier, embeddings.x, training, n)
    else:
        near = _near_proxies(classifier, embeddings.x, n)
    explanations = _explanations(classifier, embeddings, near)
    if picture is not None:
        folder = None if images is None else Path(images)
        if train is not None and training is not None:
            train_photographs = photographs_of(
                Path(train), training.provenance, folder, classes="required"
            )
        else:
            train_photographs = _training_photographs(named(head), saved, folder)
        queries = _photographs(paths, embeddings, folder)
        _draw(Path(picture), explanations, queries, train_photographs, has_all=train is not None)
    return explanations


def _names_images(classifier: ImprintingClassifier) -> bool:
    """Whether the example ids are names of images; without names they are row numbers."""
    examples = classifier.proxy_examples_
    return examples is not None and not any(str(name).isdecimal() for name in examples.tolist())


def _near_samples(
    classifier: ImprintingClassifier, x: np.ndarray, training: Embeddings, n: int
) -> list[tuple[Neighbour, ...]]:
    """The training samples with the largest cosine to each embedding, in the space where the head compares them."""
    samples = l2(classifier.compared(training.x))
    names, ids = training.class_names, training.ids.tolist()
    near = []
    for query in l2(classifier.compared(x)):
        cosines = samples @ query
        best = _distinct(training, np.argsort(-cosines, kind="stable"), n)
        near.append(
            tuple(Neighbour(str(ids[i]), names[training.y[i]], float(cosines[i])) for i in best)
        )
    return near


def _distinct(training: Embeddings, order: np.ndarray, n: int) -> list[int]:
    """The first n rows of `order` (N,) without copies of earlier ones in the same class."""
    chosen: list[int] = []
    for row in order.tolist():
        x, label = training.x[row], training.y[row]
        rounding = ROUNDING * float(np.abs(x).max())
        copies = (other for other in chosen if training.y[other] == label)
        if not any(np.abs(training.x[other] - x).max() <= rounding for other in copies):
            chosen.append(row)
        if len(chosen) == n:
            break
    return chosen


def _near_proxies(
    classifier: ImprintingClassifier, x: np.ndarray, n: int
) -> list[tuple[Neighbour, ...]]:
    """Examples of the proxies nearest to each embedding."""
    near, examples = classifier.nearest_proxies(x, n), classifier.proxy_examples_
    assert examples is not None
    rows = zip(
        near.proxies.tolist(), near.classes.tolist(), near.similarities.tolist(), strict=True
    )
    return [
        tuple(
            Neighbour(str(examples[proxy]), class_name(label), value)
            for proxy, label, value in zip(*row, strict=True)
        )
        for row in rows
    ]


def _explanations(
    classifier: ImprintingClassifier, embeddings: Embeddings, near: list[tuple[Neighbour, ...]]
) -> list[Explanation]:
    scores = classifier.class_scores(embeddings.x)
    labels = classifier.predict(embeddings.x)
    numbers = class_numbers(classifier.classes_, labels).tolist()
    chances = familiarity = None
    if classifier.inverse_temperature_ is not None:
        chances = probabilities(scores, classifier.inverse_temperature_)
    if classifier.familiarity_ is not None:
        familiarity = classifier.familiarity(embeddings.x)
    return [
        Explanation(
            id=str(name),
            label=class_name(label),
            score=float(scores[row, number]),
            probability=None if chances is None else float(chances[row, number]),
            familiarity=None if familiarity is None else float(familiarity[row]),
            nearest=near[row],
        )
        for row, (name, label, number) in enumerate(
            zip(embeddings.ids.tolist(), labels.tolist(), numbers, strict=True)
        )
    ]


def _training_photographs(head: str, saved: Head, folder: Path | None) -> Photographs:
    if folder is not None:
        return in_folder(folder)
    if FOLDER not in saved.description["fm"]:
        raise UserError(
            f"{head} does not say where its training images are; name their folder as images (--images)"
        )
    return Photographs(Path(saved.description["fm"][FOLDER]))


def _photographs(paths: Sequence[Path], embeddings: Embeddings, folder: Path | None) -> Photographs:
    """The images to explain, in `folder` if no folder is recorded or it does not exist; with several sources, ids are paths."""
    if len(paths) > 1:
        return Photographs(Path())
    provenance = embeddings.provenance
    if FOLDER in provenance and Path(provenance[FOLDER]).is_dir():
        folder = None
    return photographs_of(paths[0], provenance, folder, classes="ignored", split="test")


def _draw(
    path: Path,
    explanations: Sequence[Explanation],
    queries: Photographs,
    training: Photographs,
    has_all: bool,
) -> None:
    from imprint.report.drawing.tiles import Tile
    from imprint.report.head_pictures import explained, write_picture

    def tiles(explanation: Explanation) -> list[Tile]:
        return [
            Tile(
                training.read(near.id),
                near.id,
                (near.label, f"{near.similarity:.3f}", PurePath(near.id).name),
                near.label == explanation.label,
            )
            for near in explanation.nearest
        ]

    rows = []
    for explanation in explanations[:SHOWN]:
        name, chance = explanation.id, f"{explanation.score:.3f}"
        if explanation.probability is not None:
            chance = f"{100 * explanation.probability:.0f}%"
        lines = (explanation.label, chance, PurePath(name).name)
        rows.append((Tile(queries.read(name), name, lines), tiles(explanation)))
    caption = (
        "The training images nearest to each image, with class and cosine"
        if has_all
        else "The training image nearest to each of the nearest proxies, with class and score of the proxy"
    )
    more = (
        f" The first {SHOWN} of {len(explanations):,} images." if len(explanations) > SHOWN else ""
    )
    write_picture(path, explained(rows, f"{caption}; dashed: another class than the label.{more}"))
