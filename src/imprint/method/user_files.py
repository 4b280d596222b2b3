"""Components from a user's Python files: GENs, NORMs, AGGs, distances and weightings."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from imprint.errors import UserError
from imprint.method.aggregations import AGGREGATIONS, Aggregation
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS
from imprint.method.normalize import NORMS
from imprint.method.weightings import WEIGHTINGS, find_weighting
from imprint.registry import Component, Registry

REGISTRIES: tuple[Registry[Any], ...] = (
    GENERATORS,
    NORMS,
    AGGREGATIONS,
    DISTANCES,
    WEIGHTINGS,
)


_codes: dict[str, str] = {}  # digests of files that were loaded, by path


def users_codes(named: Mapping[str, Component]) -> dict[str, str]:
    """Digests of the loaded files of those components that users wrote, by kind and name; without comments, and without packages."""
    return {name: _codes[entry.file] for name, entry in named.items() if entry.file in _codes}


def load_file(path: str | Path, others: Iterable[Registry[Any]] = ()) -> None:
    """Register the components of a Python file, once.

    Parameters
    ----------
    path : path
        The file.
    others : iterable of Registry
        Registries of components that only the package can have.

    Raises
    ------
    UserError
        If the file is missing, fails, registers nothing or an entry of `others`, registers a name that exists already, or
        imports a file beside it in place of which Python would take another module of that name. Then nothing of it stays
        registered.
    """
    file = Path(path).resolve()
    if _is_loaded(file):
        _codes.setdefault(str(file), _code([file]))
        return
    if not file.is_file():
        fault = "is a folder" if file.is_dir() else "does not exist"
        raise UserError(
            f"{path} {fault}; expected a Python file that registers a GEN, NORM, AGG, distance or weighting"
        )
    registries = (*REGISTRIES, *others)
    before = [set(registry) for registry in registries]
    try:
        _execute(file)
        for registry, name in _added(registries, before):
            if registry is AGGREGATIONS:
                _check_defaults(AGGREGATIONS[name])
            if all(registry is not of_users for of_users in REGISTRIES):
                raise UserError(
                    f"it registers {registry.kind} '{name}', which works in the package only; CONTRIBUTING.md says where"
                )
    except (Exception, SystemExit) as error:
        for registry, name in _added(registries, before):
            registry.remove(name)
        if isinstance(error, UserError):
            raise UserError(f"{path}: {error}") from None
        raise UserError(f"{path} cannot be loaded ({type(error).__name__}: {error})") from error
    added = _added(registries, before)
    for registry, name in added:
        registry.replace(name, replace(registry[name], file=str(file)))
    if not added:
        raise UserError(
            f"{path} registers no component; put @generator('name') from imprint.method.generate, "
            "@normalization('name'), @aggregation('name'), @distance('name') or @weighting('name') above a function"
        )


def _execute(file: Path) -> None:
    """Run a file as a module, which others may import by its name."""
    spec = importlib.util.spec_from_file_location(f"imprint_components_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # it may import files beside it, now or when it is called
    names = [spec.name]  # dataclasses look their module up
    is_module = file.stem.isidentifier() and file.stem not in sys.modules
    if is_module and _file_of_module(file.stem) == file:
        names.append(file.stem)
    sys.modules.update(dict.fromkeys(names, module))
    try:
        _codes[str(file)] = _code(_with_imported(file))
        spec.loader.exec_module(module)
    except (Exception, SystemExit):
        for name in names:
            del sys.modules[name]
        raise


def _is_loaded(file: Path) -> bool:
    """Whether the components of a file are registered; if another file imported it, they get its path here."""
    loaded = False
    for registry in REGISTRIES:
        for name, entry in list(registry.items()):
            if _file_of(entry) == str(file):
                registry.replace(name, replace(entry, file=str(file)))
            loaded |= registry[name].file == str(file)
    return loaded


def _file_of(entry: Component) -> str | None:
    """The user's file of which a component is a function or class; None if it is not known, or of the package."""
    definition = entry.definition
    module = sys.modules.get(getattr(definition, "__module__", ""))
    path = getattr(module, "__file__", None)
    # what a function of the file returned may be registered in another
    is_of_file = getattr(module, getattr(definition, "__name__", ""), None) is definition
    return str(Path(path).resolve()) if path and is_of_file and entry.of_user else None


def _file_of_module(module: str) -> Path | None:
    """The file that Python finds for a module."""
    spec = importlib.util.find_spec(module)
    return Path(spec.origin).resolve() if spec and spec.origin else None


def _added(
    registries: Sequence[Registry[Any]], before: Sequence[set[str]]
) -> list[tuple[Registry[Any], str]]:
    """The entries that registries have in addition to the names `before`."""
    pairs = zip(registries, before, strict=True)
    return [(registry, name) for registry, names in pairs for name in set(registry) - names]


def _code(files: Iterable[Path]) -> str:
    """A digest of the code of files, the same in all versions of Python."""
    codes = [ast.unparse(ast.parse(path.read_bytes())) for path in files]
    return hashlib.sha256("\n".join(codes).encode(errors="backslashreplace")).hexdigest()[:16]


def _with_imported(file: Path) -> list[Path]:
    """A file and those beside it that it imports; a `UserError` if Python would take other modules for these.

    Python has one module of a name: a `helper.py` beside this file is not taken if one beside another file is loaded.
    """
    waiting: list[Path] = [file]
    checked: list[Path] = []
    while waiting:
        path = waiting.pop()
        checked.append(path)
        for name in _imported(path):
            beside = file.parent.joinpath(*name.split("."))
            files = (beside / "__init__.py", beside.with_suffix(".py"))
            module = next((each for each in files if each.is_file()), None)
            if module is None:
                continue
            if (taken := _file_of_module(name)) != module.resolve():
                raise UserError(
                    f"{path.name} imports {name}, which is {module}, but Python has {taken or 'another module'} of that name; "
                    "rename the file"
                )
            if module not in (*checked, *waiting):
                waiting.append(module)
    return checked


def _imported(path: Path) -> Iterator[str]:
    """The names of modules that a file may import."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _check_defaults(agg: Aggregation) -> None:
    """A `UserError` if the distance or a weighting that an AGG names is not registered."""
    try:
        DISTANCES.find(agg.default_distance)
        for weighting in filter(None, (agg.default_weighting, agg.only_weighting)):
            find_weighting(weighting)
    except UserError as error:
        raise UserError(f"AGG '{agg.name}': {error}") from None
