"""Fingerprints of the code that a rule's numbers depend on, so that an edit reruns only what it can change.

A fingerprint covers the rule's script, the module that its wildcards choose (a dataset source, a figure) and all that
these import, except modules that change no number (`NEVER`): messages, progress, file formats, dispatch by name. The
components of methods have fingerprints of their own, so that a new component does not rerun finished work of others. Within
a file, docstrings, comments, layout, types of arguments, log lines and the texts of errors do not count. The versions of
numerical packages, such as NumPy, count if a covered file imports them.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from imprint.store.files import canonical
from imprint.store.version import installed_version
from imprint.study.parsed_code import ParsedCode

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

MESSENGERS = {"log", "warnings", "report"}
# methods of a logger and functions of `warnings` that tell something
LINES = {
    "debug",
    "info",
    "warning",
    "error",
    "exception",
    "critical",
    "warn",
    "simplefilter",
    "filterwarnings",
}

NEVER = (
    "imprint.errors",
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
        content, imported = read(path)
        contents.append(content)
        imports += imported
    counted = closure(imports, modules)
    contents += [f"{name} {read(path)[0]}" for name, path in sorted(counted.items())]
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
        for name in read(path)[1]:
            folders = [path.parent, *map(Path, sys.path)]
            waiting += [file for folder in folders for file in _modules(folder, name)]
    return counted


def _modules(folder: Path, name: str) -> Iterator[Path]:
    """The files of a module in a folder, including those of its packages; none for an installed module."""
    if folder.name in _INSTALLED or PACKAGE in (folder / name.partition(".")[0], folder):
        return
    path = folder
    for part in name.split("."):
        path = path / part
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file() and not set(_INSTALLED) & set(file.parts):
                yield file.resolve()


def versions(files: Iterable[Path]) -> dict[str, str | None]:
    """The versions of the numerical packages that these files import."""
    packages = {name.partition(".")[0] for file in files for name in read(file)[1]}
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
    names = [*imports, *(name for path in counted.values() for name in read(path)[1])]
    while names:
        name = names.pop()
        name = re_exported_from(name)
        path = source(name)
        # the `__init__` of a package only re-exports names
        if path is None or path.name == "__init__.py" or name in counted or _never_counts(name):
            continue
        counted[name] = path
        names += read(path)[1]
    return counted


@cache
def re_exported_from(name: str) -> str:
    """The module of a name that the `__init__` of a package re-exports; any other name unchanged."""
    package, _, last = name.rpartition(".")
    path = source(package) if package else None
    if source(name) is not None or path is None or path.name != "__init__.py":
        return name
    modules = (imported.rpartition(".") for imported in read(path)[1])
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
def read(path: Path) -> tuple[str, tuple[str, ...]]:
    """`parse` of a file, cached."""
    return PARSED(path.read_text(encoding="utf-8"))


def parse(text: str) -> tuple[str, tuple[str, ...]]:
    """A digest of the code that counts in a Python file, and the names that it imports."""
    whole = ast.parse(text)
    tree = _Counted(_messengers(whole)).visit(whole)
    imports: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""  # empty for `from . import name`
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
            imports += [name.strip(".") for name in names if name]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(dict.fromkeys(imports))


class _Counted(ast.NodeTransformer):
    """Removes code that changes no number: docstrings, log lines, texts of errors and warnings, types.

    messengers: see `_messengers`.
    """

    def __init__(self, messengers: set[str]) -> None:
        self._messengers = messengers

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) or self._is_message(node.value):
            return None
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            values = [value for value in node.exc.args if not _is_text(value)]
            return ast.Raise(ast.Call(node.exc.func, values, node.exc.keywords), None)
        return ast.Raise(node.exc, None)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def _is_message(self, value: ast.expr) -> bool:
        """Whether an expression is a line for the log or the terminal: `log.info(...)`, `report(...)`."""
        if not isinstance(value, ast.Call):
            return False
        function = value.func
        if isinstance(function, ast.Attribute) and function.attr in LINES:
            function = function.value
        return isinstance(function, ast.Name) and function.id in self._messengers


def _messengers(tree: ast.Module) -> set[str]:
    """The names in a file whose calls only tell something: its logger, `warnings`, and what `job` gives to a script.

    A name that is bound otherwise too, such as that of a list elsewhere in the file, is none.
    """
    bound: Counter[str] = Counter()
    telling: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                bound[name] += 1
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound[name] += 1
            case ast.alias(name=name, asname=other):
                bound[other or name] += 1
            case ast.Import(names=names):
                telling |= {"warnings"} & {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("imprint."):
                telling |= {"log"} & {alias.name for alias in names}
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Call(func=ast.Attribute(attr="getLogger"))
            ):
                telling.add(name)
            case ast.withitem(
                context_expr=ast.Call(func=ast.Name(id="job")), optional_vars=ast.Name(id=name)
            ):
                telling.add(name)
    return {name for name in telling if bound[name] == 1} | (MESSENGERS - bound.keys())


def _is_text(value: ast.expr) -> bool:
    """Whether an expression is a string literal, or a sum with one."""
    if isinstance(value, ast.BinOp):
        return _is_text(value.left) or _is_text(value.right)
    return isinstance(value, ast.JoinedStr) or isinstance(getattr(value, "value", None), str)


PARSED = ParsedCode(parse, __file__)
