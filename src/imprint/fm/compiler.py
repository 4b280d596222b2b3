"""Importing timm and torchvision without torch's compiler, which nothing here uses."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_COMPILER, _UTILS = "torch._dynamo", "torch._dynamo.utils"


@contextmanager
def compiler_deferred() -> Iterator[None]:
    """Inside, timm and torchvision are imported without torch's compiler, which takes as long to import as torch.

    They want two things of it: that one function is never compiled, which needs no compiler, and whether it is there, which is
    asked of it when they want to know. Whatever else is taken from it imports it.
    """
    if _COMPILER in sys.modules:
        yield
        return
    stand_ins = {name: ModuleType(name) for name in (_COMPILER, _UTILS)}

    def end() -> None:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]

    def taken_from(module: str) -> Callable[[str], Any]:
        def real(name: str) -> Any:
            if name.startswith("__"):  # asked of any module
                raise AttributeError(name)
            end()
            return getattr(importlib.import_module(module), name)

        return real

    for name, stand_in in stand_ins.items():
        stand_in.__dict__["__getattr__"] = taken_from(name)
    stand_ins[_COMPILER].__dict__["disable"] = _uncompiled
    stand_ins[_UTILS].__dict__["is_compile_supported"] = _is_compile_supported
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        end()


def _uncompiled(function: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    return function if function is not None else lambda function: function


def _is_compile_supported(device: Any) -> Any:
    return importlib.import_module(_UTILS).is_compile_supported(device)
