"""A cache of the fits of single classes, shared by tasks: mnist-all, -even and -odd have classes in common.

A file below `cache/` in the results holds the fits of one class by one GEN, for each k and seed. Its name is a digest of all that
they depend on: the embeddings of the class after NORMpre, the GEN, and the code. So no file is ever out of date, concurrent jobs
may write the same file, and all files can be deleted at any time. If a file is missing, damaged or cannot be written, the class
is fitted again; the job does not fail.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from imprint.errors import UserError
from imprint.method.generate.proxy_sets import Fit, Fits
from imprint.store.block_cache import FOLDER, Content, block_key, digest
from imprint.store.files import new_hdf5, open_hdf5

log = logging.getLogger("imprint")

CLASSES = "classes"  # under the folder of blocks
ANY_SEED = "any seed"  # for fits that do not depend on the seed

_writing = Lock()  # of two threads that add to the same file, one would lose its fits


@dataclass
class ClassFits:
    """The fits of classes by one GEN.

    Attributes
    ----------
    folder : Path
        Folder of the files, see `class_fits_folder`.
    gen : str
        The GEN.
    code : str
        Fingerprint of the code that computes the fits.
    """

    folder: Path
    gen: str
    code: str

    def key(self, x: np.ndarray) -> str:
        """The key of the fits of a class with samples x (n, d), after NORMpre."""
        return block_key(self.code, self.gen, digest(x)).hex()

    def read(self, key: str) -> Fits:
        """Proxies, or indices of samples within the class, and seconds, by k and seed; empty if none are stored."""
        path = self._path(key)
        if not path.exists():
            return {}
        fits: Fits = {}
        try:
            with open_hdf5(path) as file:
                for name, proxies in file.items():
                    k, seed = name.split(",")
                    run = int(k), None if seed == ANY_SEED else int(seed)
                    fits[run] = Fit(proxies[:], float(proxies.attrs["seconds"]))
        except UserError as error:
            log.warning("not used: %s", error)
            return {}
        return fits

    def write(self, key: str, fits: Fits) -> None:
        """Add fits to the stored ones."""
        try:
            with _writing, new_hdf5(self._path(key)) as file:
                for (k, seed), (proxies, seconds) in (self.read(key) | fits).items():
                    name = f"{k},{ANY_SEED if seed is None else seed}"
                    file.create_dataset(name, data=proxies).attrs["seconds"] = seconds
        except OSError as error:
            log.warning("fits of a class cannot be stored: %s", error)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.h5"


def class_fits_folder(results: str | Path) -> Path:
    """The folder in which a study stores fits of classes."""
    return Path(results) / FOLDER / CLASSES


def contents(results: str | Path) -> Iterator[Content]:
    """The files of class fits of a study; each counts as one block."""
    for path in sorted(class_fits_folder(results).glob("*.h5")):
        yield Content(path, path.stat().st_size, 1, 0)
