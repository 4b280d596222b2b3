"""Image files below a folder, without hidden files, devices and links to folders that were read before."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imprint.data.divided import TEST_NAMES
from imprint.data.image_formats import IMAGE_SUFFIXES
from imprint.errors import UserError
from imprint.formatting import listed

log = logging.getLogger("imprint")

# files of operating systems and archive programs, besides those whose names begin with a dot
CLUTTER = ("__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini", "$RECYCLE.BIN")
# folders that are never classes
SPLITS = {"train", *TEST_NAMES}
# if all folders have such names, none is a class
LIKE_SPLITS = SPLITS | {"dev", "eval", "testing", "training", "valid"}


def is_clutter(name: str) -> bool:
    """Whether the name is that of a hidden file or of one that a system made."""
    return name.startswith(".") or name in CLUTTER


@dataclass
class LeftOut:
    """The entries of a folder of images that are not read.

    Attributes
    ----------
    others : list of Path
        Files without an image suffix.
    special : list of Path
        Pipes, sockets and devices with an image suffix.
    repeated : list of Path
        Links to folders that were read before.
    """

    others: list[Path] = field(default_factory=list)
    special: list[Path] = field(default_factory=list)
    repeated: list[Path] = field(default_factory=list)

    def note(self, top: Path) -> None:
        """Log what is left out."""
        for paths, kind in (
            (self.others, "files without an image suffix"),
            (self.special, "pipes and devices"),
            (self.repeated, "links to folders that were read before"),
        ):
            if paths:
                log.warning("%s: %s are left out: %s", top, kind, _listed(paths))


def search_each(
    folders: Sequence[Path], elsewhere: Iterable[Path], left_out: LeftOut
) -> list[list[Path]]:
    """The image files below each of some folders, at any depth; links are followed, each folder is read once.

    Folders themselves are read before links to folders, so that what is read does not depend on the order of names on
    the disk.

    Parameters
    ----------
    folders : sequence of Path
        The folders.
    elsewhere : iterable of Path
        Folders that are not read if a link leads to them.
    left_out : LeftOut
        Entries that are not images are added to it.

    Returns
    -------
    list of list of Path
        The files of each folder, in no particular order.

    Raises
    ------
    UserError
        If a folder cannot be read, two of the folders are the same, or names of images are not UTF-8.
    """
    seen = {_identity(path) for path in elsewhere} | set(_by_identity(folders))
    all_images: list[list[Path]] = [[] for _ in folders]
    waiting = deque(zip(folders, all_images, strict=True))
    links: deque[tuple[Path, list[Path]]] = deque()
    while waiting or links:
        if waiting:
            folder, images = waiting.popleft()
        else:
            folder, images = links.popleft()
            if not _is_new(folder, seen, left_out):
                continue
        for entry in _entries(folder):
            path = Path(entry.path)
            if _is_folder(entry):
                if entry.is_symlink():
                    links.append((path, images))
                elif _is_new(path, seen, left_out):
                    waiting.append((path, images))
            elif not _is_image(entry):
                left_out.others.append(path)
            elif _is_special(entry):
                left_out.special.append(path)
            else:
                images.append(path)
    require_utf8([path for images in all_images for path in images])
    return all_images


def files_below(folder: Path, suffix: str) -> list[Path]:
    """The files below a folder whose names end with `suffix`, sorted, without clutter."""
    return sorted(
        path
        for path in folder.rglob(f"*{suffix}")
        if path.is_file() and not any(map(is_clutter, path.relative_to(folder).parts))
    )


def subfolders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted, without clutter."""
    return sorted(entry.name for entry in _entries(folder) if _is_folder(entry))


def loose_images(folder: Path) -> list[str]:
    """The names of the images that lie directly in a folder, sorted."""
    return sorted(
        entry.name for entry in _entries(folder) if not _is_folder(entry) and _is_image(entry)
    )


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the splits train and test, if a folder has both and no folders besides splits; else none."""
    names = subfolders(folder)
    test = next((name for name in TEST_NAMES if name in names), None)
    if "train" not in names or test is None or not set(names) <= LIKE_SPLITS:
        return {}
    return {"train": folder / "train", "test": folder / test}


def folder_of_classes(folder: Path) -> Path | None:
    """The folder that seems to hold the classes, if `folder` has only one subfolder or subfolders named as splits; else None."""
    names = subfolders(folder)
    if names and set(names) <= SPLITS:
        return folder / ("train" if "train" in names else names[-1])
    if len(names) != 1 or loose_images(folder / names[0]):
        return None
    below = folder / names[0]
    return folder_of_classes(below) or (below if len(subfolders(below)) > 1 else None)


def require_utf8(paths: Sequence[Path]) -> None:
    """A `UserError` if the name of a file or folder is not UTF-8: it could not be written to a table."""
    wrong = [path for path in paths if _in_words(path) != str(path)]
    if wrong:
        raise UserError(
            f"names of images must be UTF-8, and {len(wrong)} are not: {_listed(wrong)}; rename these files or their "
            "folders, such as by `convmv -f latin1 -t utf8 -r --notest FOLDER`"
        )


def _in_words(path: Path) -> str:
    """A path with bytes that are not UTF-8 written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _listed(paths: Sequence[Path]) -> str:
    return listed(map(_in_words, sorted(paths)))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not is_clutter(entry.name)]
    except OSError as error:
        raise UserError(f"folder {folder} cannot be read: {error.strerror}") from None
    return sorted(shown, key=lambda entry: entry.name)


def _is_new(folder: Path, seen: set[tuple[int, int]], left_out: LeftOut) -> bool:
    """Whether a folder was not read before; it is added to `seen` or to the repeated ones."""
    identity = _identity(folder)
    if identity in seen:
        left_out.repeated.append(folder)
        return False
    seen.add(identity)
    return True


def _by_identity(folders: Iterable[Path]) -> dict[tuple[int, int], Path]:
    """Folders by identity; a `UserError` if two are the same, whose images would belong to two classes."""
    of_identity: dict[tuple[int, int], Path] = {}
    for folder in folders:
        same = of_identity.setdefault(_identity(folder), folder)
        if same != folder:
            raise UserError(f"{same} and {folder} are the same folder; remove the link")
    return of_identity


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Whether an entry other than a folder has an image suffix."""
    return entry.name.lower().endswith(IMAGE_SUFFIXES)


def _is_special(entry: os.DirEntry[str]) -> bool:
    """Whether an entry exists and is not a regular file; a broken link is reported when it is read."""
    try:
        return not entry.is_file() and Path(entry.path).exists()
    except OSError:
        return False
