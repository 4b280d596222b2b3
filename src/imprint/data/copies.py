"""Images of the test split that are in the training split too."""

from __future__ import annotations

from collections import defaultdict

from imprint.data.image_files import file_size
from imprint.data.images import Images
from imprint.formatting import listed
from imprint.store.records import sha256_of


def copies(train: Images, test: Images) -> list[tuple[str, str]]:
    """The test images that are training images too: pairs of ids (test, train) of files with the same content.

    Only image files in folders are compared, by their content if they have the same size; for other images the list is empty.
    """
    if train.folder is None or test.folder is None:
        return []
    of_size: dict[int, list[str]] = defaultdict(list)
    for name in train.ids:
        of_size[file_size(train.folder / name)].append(name)
    digests: dict[int, dict[str, str]] = {}
    pairs = []
    for name in test.ids:
        file = test.folder / name
        size = file_size(file)
        if size <= 0 or size not in of_size:
            continue
        if size not in digests:
            digests[size] = {sha256_of(train.folder / id): id for id in of_size[size]}
        if same := digests[size].get(sha256_of(file)):
            pairs.append((name, same))
    return pairs


def in_words(train: Images, test: Images) -> str:
    """A note on the test images that are training images too; empty if there are none."""
    pairs = copies(train, test)
    if not pairs:
        return ""
    examples = listed(f"{name} (train: {same})" for name, same in pairs)
    return f"{len(pairs)} of {len(test)} test images are training images too: {examples}"
