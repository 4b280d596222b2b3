"""`imprint doctor` for images: their classes, and files that cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

from imprint.data.image_formats import UnreadableImage
from imprint.data.images import Images
from imprint.errors import BAD, GOOD, WARNING, Finding, NoSplits, UserError
from imprint.estimator.image_sources import Split, images_of
from imprint.store.embeddings import UNNAMED

THREADS = 4
SPLITS: tuple[Split, ...] = get_args(Split)


def findings(source: Path) -> Iterator[Finding]:
    """Findings on a source of images; on each split if it has several."""
    errors: dict[Split, UserError] = {}
    for split in SPLITS:
        try:
            images = images_of(source, classes="optional", split=split, needs_splits=True)
        except NoSplits:
            yield from _on_images(images_of(source, classes="optional"), source)
            return
        except UserError as error:
            errors[split] = error
        else:
            yield from _on_images(images, source, split)
    if len(errors) == len(SPLITS):
        raise errors[SPLITS[0]]
    for split, failure in errors.items():
        yield Finding(WARNING, f"images for {split}", str(failure))


def _on_images(images: Images, source: Path, split: Split | None = None) -> Iterator[Finding]:
    """Findings on the images of a source without splits, or of one split."""
    purpose = f" for {split}" if split else ""
    yield Finding(GOOD, f"images{purpose}", f"{len(images):,} in {source}")
    if images.class_names != UNNAMED:
        classes = Counter(images.class_names[label] for label in images.labels)
        few, many = (choose(classes.values()) for choose in (min, max))
        smallest = min(classes, key=classes.__getitem__)
        size = f"{few:,} each" if few == many else f"{few:,} ({smallest}) to {many:,} each"
        lone = len(classes) < 2 or (few < 2 and split != "test")
        level = WARNING if lone else GOOD
        yield Finding(level, f"classes{purpose}", f"{len(classes):,}, {size}")
    else:
        text = "none; for fit and compare, put the images of each class in a folder"
        yield Finding(WARNING, f"classes{purpose}", text)
    for path, reason in _unreadable(images).items():
        yield Finding(BAD, "broken", f"{path} cannot be read: {reason}")


def _unreadable(images: Images) -> dict[str, str]:
    """Read every image; the reasons why images cannot be read, by path."""

    def problem(i: int) -> str:
        try:
            images[i].load()
        except UnreadableImage as error:
            return str(error)
        except Exception as error:  # damaged files raise nearly every class of exception
            return f"{type(error).__name__}: {error}"
        return ""

    with ThreadPoolExecutor(THREADS) as pool:
        problems = enumerate(pool.map(problem, range(len(images))))
        return {images.path(i): reason for i, reason in problems if reason}
