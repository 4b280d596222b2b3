"""Why a head labels images as it does: the training images nearest to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.errors import UserError
from imprint.estimator.fm_choice import FMChoice
from imprint.estimator.inputs import read_labelled, read_unlabelled
from imprint.estimator.photographs import FOLDER, Photographs, in_folder, photographs_of
from imprint.estimator.validation import class_numbers
from imprint.method.calibration import probabilities
from imprint.method.normalize import l2

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.report.head_pictures import Tile
    from imprint.store.embeddings import Embeddings
    from imprint.store.heads import Head

SHOWN = 20  # images of a picture, at most


@dataclass(frozen=True)
class Neighbour:
    """A training sample near an image.

    Attributes
    ----------
    id : str
        Of the training sample.
    label : str
        Its class.
    similarity : float
        Its cosine to the image where the head compares them, or, of an example of a proxy, that proxy's score.
    """

    id: str
    label: str
    similarity: float


@dataclass(frozen=True)
class Explanation:
    """A label and what speaks for it.

    Attributes
    ----------
    id : str
        Of the image.
    label : str
        The class that the head gives.
    score : float
        How well it fits, see `ImprintingClassifier.class_scores`.
    probability, familiarity : float or None
        Of this class, and see `ImprintingClassifier.familiarity`; None where the head held out no samples.
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
        """The explanation as JSON holds it."""
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
    """Explain labels by the training images nearest to what is labelled.

    Parameters
    ----------
    head : path or ImprintingClassifier
        A saved head, or one that is fitted.
    sources : path or sequence of paths
        Images, folders of them, or embeddings, as `imprint predict` takes them.
    train : path, optional
        The training images or, faster, their embeddings: the nearest of all of them are found. Without it each of the nearest
        proxies stands by the training image nearest to it, which the head names.
    n : int, default=5
        How many near ones for each image.
    picture : path, optional
        Where a picture of it goes (.png, .pdf or .svg), of the first 20 images.
    images : path, optional
        The folder of the training images, if they have moved.
    group : str, optional
        The group of HDF5 files that holds embeddings.
    fm : str or FMChoice, optional
        What embeds images; the FM of the head by default.

    Returns
    -------
    list of Explanation
        One for each image.

    Raises
    ------
    UserError
        If a source is not usable, or for a picture a training image is not where it was.

    Examples
    --------
    >>> import imprint
    >>> why = imprint.explain("birds.safetensors", "photo.jpg", picture="why.png")  # doctest: +SKIP
    >>> why[0].label, why[0].nearest[0].id  # doctest: +SKIP
    ('robin', 'robin/17.jpg')
    """
    from imprint.estimator.opening import classifier_of, file_of, named

    if n < 1:
        raise UserError(f"explain: n={n} is not a positive whole number")
    if picture is not None:
        from imprint.report.head_pictures import require_form

        require_form(Path(picture))
    choice = FMChoice.of(fm)
    several = [sources] if isinstance(sources, str | Path) else list(sources)
    paths = [Path(source) for source in several]
    classifier = classifier_of(head)
    saved = file_of(head)
    if train is None and classifier.proxy_examples_ is None:
        raise UserError(
            f"{named(head)} does not name its training images; give them, or their embeddings, as train (--train)"
        )
    if train is None and picture is not None and not _names_images(classifier):
        raise UserError(
            f"{named(head)} was fitted to embeddings without names of their images (sample_ids in Python, ids in a file), so that "
            "they cannot be shown; give the training images, or their embeddings, as train (--train)"
        )
    embeddings = read_unlabelled(paths, choice, saved, group=group)
    training = None
    if train is not None:
        training = read_labelled(Path(train), choice, head=saved, group=group)
        near = _near_samples(classifier, embeddings.x, training, n)
    else:
        near = _near_proxies(classifier, embeddings.x, n)
    explanations = _explanations(classifier, embeddings, near)
    if picture is not None:
        folder = None if images is None else Path(images)
        if train is not None and training is not None:
            behind = photographs_of(Path(train), training.provenance, folder, classes="required")
        else:
            behind = _training_photographs(named(head), saved, folder)
        queries = _photographs(paths, embeddings)
        _draw(Path(picture), explanations, queries, behind, has_all=train is not None)
    return explanations


def _names_images(classifier: ImprintingClassifier) -> bool:
    """Whether the examples of all proxies have names; without these they are numbers of rows."""
    examples = classifier.proxy_examples_
    return examples is not None and not any(str(name).isdecimal() for name in examples.tolist())


def _near_samples(
    classifier: ImprintingClassifier, x: np.ndarray, training: Embeddings, n: int
) -> list[tuple[Neighbour, ...]]:
    """The training samples with the largest cosine to each embedding, where the head compares them."""
    samples = l2(classifier.compared(training.x))
    names, ids = training.class_names, training.ids.tolist()
    near = []
    for query in l2(classifier.compared(x)):
        cosines = samples @ query
        best = np.argsort(-cosines, kind="stable")[:n].tolist()
        near.append(
            tuple(Neighbour(str(ids[i]), names[training.y[i]], float(cosines[i])) for i in best)
        )
    return near


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
            Neighbour(str(examples[proxy]), str(label), value)
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
            str(name),
            str(label),
            float(scores[row, number]),
            None if chances is None else float(chances[row, number]),
            None if familiarity is None else float(familiarity[row]),
            near[row],
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
            f"{head} does not say where its training images lie; name their folder as images (--images)"
        )
    return Photographs(Path(saved.description["fm"][FOLDER]))


def _photographs(paths: Sequence[Path], embeddings: Embeddings) -> Photographs:
    """The images to explain; several sources have their paths for ids."""
    if len(paths) > 1:
        return Photographs(Path())
    return photographs_of(paths[0], embeddings.provenance, classes="ignored")


def _draw(
    path: Path,
    explanations: Sequence[Explanation],
    queries: Photographs,
    training: Photographs,
    has_all: bool,
) -> None:
    from imprint.report.head_pictures import Tile, explained, write_picture

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
    for one in explanations[:SHOWN]:
        chance = f"{one.score:.3f}" if one.probability is None else f"{100 * one.probability:.0f}%"
        words = (one.label, chance, PurePath(one.id).name)
        rows.append((Tile(queries.read(one.id), one.id, words), tiles(one)))
    what = (
        "The training images nearest to each, with class and cosine"
        if has_all
        else "For each of the nearest proxies the training image nearest to it, with class and score of the proxy"
    )
    more = (
        f" The first {SHOWN} of {len(explanations):,} images." if len(explanations) > SHOWN else ""
    )
    write_picture(path, explained(rows, f"{what}; dashes: of another class than the label.{more}"))
