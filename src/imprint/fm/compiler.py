"""Import timm and torchvision without torch's compiler, which this library does not use."""

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
    """Inside this context timm and torchvision are imported without torch's compiler, which takes as long to import as torch.

    They use two functions of it: `disable`, which needs no compiler, and `is_compile_supported`, which imports the compiler when
    it is called. Access to any other name imports it too.
    """
    if _COMPILER in sys.modules:
        yield
        return
    stand_ins = {name: ModuleType(name) for name in (_COMPILER, _UTILS)}

    def end() -> None:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]

    def attribute_of(module: str) -> Callable[[str], Any]:
        def attribute(name: str) -> Any:
            if name.startswith("__"):  # Python looks these up in any module
                raise AttributeError(name)
            end()
            return getattr(importlib.import_module(module), name)

        return attribute

    for name, stand_in in stand_ins.items():
        stand_in.__dict__["__getattr__"] = attribute_of(name)
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
