"""Fingerprints of the code that a rule's numbers depend on, so that an edit reruns only what it can change.

A fingerprint covers the rule's script, the module that its wildcards choose (a dataset source, a figure) and all that
these import, except modules that change no number (`NEVER`): messages, progress, file formats, dispatch by name. The
components of methods have fingerprints of their own, so that a new component does not rerun finished work of others. What
counts within a file: see `imprint.study.parsed_code`. The versions of numerical packages, such as NumPy, count if a covered
file imports them.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from imprint.store.files import canonical
from imprint.store.version import installed_version
from imprint.study.parsed_code import PARSED, FileCode

PACKAGE = Path(__file__).parents[1]

# packages whose version can change numbers: name of the module, and of the distribution
COMPUTING = {
    "PIL": "pillow",
    "kmedoids": "kmedoids",
    "numba": "numba",
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
}
_INSTALLED = (
    "site-packages",
    "dist-packages",
    f"python{sys.version_info[0]}.{sys.version_info[1]}",
)

NEVER = (
    "imprint.errors",
    "imprint.extras",
    "imprint.registry",
    "imprint.formatting",
    "imprint.store",
    "imprint.study.job_log",
    "imprint.study.jobs.job",
    "imprint.study.jobs.parent",
    "imprint.data.retries",
    "imprint.method.components",
    "imprint.method.costs",
    "imprint.fm.progress",
    "imprint.fm.journal",
    # these find components by name; the modules of the components that a job uses count
    "imprint.data.registry",
    "imprint.data.sources",
    "imprint.fm.models",
    "imprint.fm.registry",
    "imprint.method.generate.registry",
    "imprint.method.normalize.registry",
    "imprint.method.large_arrays",
    "imprint.method.user_files",
    "imprint.report.registry",
)


def fingerprint(script: str | Path, *modules: str) -> str:
    """A digest of the code that a rule's numbers depend on.

    Parameters
    ----------
    script : path
        The rule's script.
    *modules : str
        Full names of modules that count in addition to its imports.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    return _fingerprint([Path(script)], modules)


@cache
def component_fingerprint(module: str, file: str | None = None) -> str:
    """A digest of the code of a component: its module, or the user's file and its imports."""
    return _fingerprint(with_imported([file]), ()) if file else _fingerprint([], [module])


def _fingerprint(files: list[Path], modules: Iterable[str]) -> str:
    contents: list[str] = []
    imports: list[str] = []
    for path in files:
        contents.append(read(path).digest)
        imports += read(path).imports
    counted = closure(imports, modules)
    contents += [f"{name} {read(path).digest}" for name, path in sorted(counted.items())]
    contents.append(canonical(versions([*files, *counted.values()])))
    return hashlib.sha256(" ".join(contents).encode()).hexdigest()[:16]


def with_imported(files: Iterable[str | Path]) -> list[Path]:
    """The user's files and those that they import, as Python finds them, without installed packages."""
    counted: list[Path] = []
    waiting = [Path(file).resolve() for file in files]
    while waiting:
        path = waiting.pop(0)
        if path in counted:
            continue
        counted.append(path)
        for name in read(path).imports:
            if name.partition(".")[0] == PACKAGE.name:  # `closure` finds them
                continue
            if dots := len(name) - len(name.lstrip(".")):  # relative to a folder above
                waiting += _modules(path.parents[dots - 1], name[dots:])
                continue
            waiting += _modules(path.parent, name)
            # Python takes the first folder that has the module
            of_folders = (list(_modules(Path(folder), name)) for folder in sys.path)
            waiting += next(filter(None, of_folders), [])
    return counted


def _modules(folder: Path, name: str) -> Iterator[Path]:
    """The files of a module in a folder, including those of its packages; none for an installed module."""
    if folder.name in _INSTALLED or folder == PACKAGE:
        return
    path = folder
    for part in name.split("."):
        path = path / part
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file() and not set(_INSTALLED) & set(file.parts):
                yield file.resolve()


def versions(files: Iterable[Path]) -> dict[str, str | None]:
    """The versions of the numerical packages that these files import."""
    packages = {name.partition(".")[0] for file in files for name in read(file).imports}
    names = (COMPUTING[name] for name in sorted(packages & set(COMPUTING)))
    return {name: installed_version(name) for name in names}


def closure(imports: Iterable[str], modules: Iterable[str] = ()) -> dict[str, Path]:
    """The modules that count, with their files.

    Parameters
    ----------
    imports : iterable of str
        Names that a script imports.
    modules : iterable of str
        Modules that count in any case.

    Returns
    -------
    dict
        `modules`, the modules in `imports`, and all that they import, at their top or inside functions.
    """
    counted: dict[str, Path] = {}
    for name in modules:
        path = source(name)
        if path is None:
            raise ValueError(f"there is no module {name}")
        counted[name] = path
    names = [*imports, *(name for path in counted.values() for name in read(path).imports)]
    while names:
        name = names.pop()
        name = re_exported_from(name)
        path = source(name)
        # the `__init__` of a package only re-exports names
        if path is None or path.name == "__init__.py" or name in counted or _never_counts(name):
            continue
        counted[name] = path
        names += read(path).imports
    return counted


@cache
def re_exported_from(name: str) -> str:
    """The module of a name that the `__init__` of a package re-exports; any other name unchanged."""
    package, _, last = name.rpartition(".")
    path = source(package) if package else None
    if source(name) is not None or path is None or path.name != "__init__.py":
        return name
    modules = (imported.rpartition(".") for imported in read(path).imports)
    return next((module for module, _, imported in modules if imported == last), name)


def _never_counts(name: str) -> bool:
    return any(name == entry or name.startswith(f"{entry}.") for entry in NEVER)


@cache
def source(name: str) -> Path | None:
    """The file of a module of this library, found without importing it (some import torch)."""
    package, *inner = name.split(".")
    path = PACKAGE.joinpath(*inner)
    if package != PACKAGE.name:
        return None
    return next((p for p in (path / "__init__.py", path.with_suffix(".py")) if p.is_file()), None)


@cache
def read(path: Path) -> FileCode:
    """The code of a file, cached."""
    return PARSED.get(path.read_text(encoding="utf-8"))
