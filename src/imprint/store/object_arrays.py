"""Arrays of Python objects in NPZ files, such as class names from pandas."""

from __future__ import annotations

import pickle
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

# the names in numpy's own pickles of arrays and scalars; anything else could run code
_ALLOWED = {"_reconstruct", "scalar", "ndarray", "dtype"}
_MODULES = {"numpy", "numpy.core.multiarray", "numpy._core.multiarray"}


class _Unpickler(pickle.Unpickler):
    """Reads only arrays of plain values."""

    def find_class(self, module: str, name: str) -> Any:
        if module in _MODULES and name in _ALLOWED:
            return super().find_class(module, name)
        raise ValueError(f"it holds objects of {module}.{name}; only texts and numbers are read")


def read_array(file: IO[bytes]) -> np.ndarray:
    """Read an NPY array, whose objects may only be texts and numbers; no code in the file is run.

    Raises
    ------
    ValueError
        If it is damaged or holds other objects.
    """
    version = npy.read_magic(file)
    if version == (1, 0):
        _, _, dtype = npy.read_array_header_1_0(file)
        if dtype.hasobject:
            array = _Unpickler(file).load()
            if isinstance(array, np.ndarray):
                return array
            raise ValueError("it is not an array")
    file.seek(0)
    return np.asarray(npy.read_array(file, allow_pickle=False))
