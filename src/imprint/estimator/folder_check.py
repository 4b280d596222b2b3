"""What a folder of images holds: how many of which class, and which files cannot be read."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from imprint.data.image_formats import UnreadableImage
from imprint.estimator.embeddings_files import UNNAMED
from imprint.estimator.inputs import images_of

THREADS = 4


@dataclass(frozen=True)
class FolderCheck:
    """What a folder, a table or another source of images holds.

    Attributes
    ----------
    images : int
        How many images there are.
    classes : dict
        Images of each class; empty where there are no classes.
    broken : dict
        Why an image cannot be read, by its path.
    """

    images: int
    classes: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def check_folder(source: Path) -> FolderCheck:
    """Read every image of a source that `imprint.estimator.inputs.images_of` takes.

    Raises
    ------
    UserError
        If there is no such source, or no image in it.
    """
    images = images_of(source, classes="optional")

    def problem(i: int) -> str:
        try:
            images[i].load()
        except UnreadableImage as error:
            return str(error)
        except Exception as error:  # a damaged file raises nearly every class there is
            return f"{type(error).__name__}: {error}"
        return ""

    with ThreadPoolExecutor(THREADS) as pool:
        problems = enumerate(pool.map(problem, range(len(images))))
        broken = {images.path(i): reason for i, reason in problems if reason}
    classes: Counter[str] = Counter()
    if images.class_names != UNNAMED:
        classes.update(images.class_names[label] for label in images.labels)
    return FolderCheck(len(images), dict(classes), broken)
