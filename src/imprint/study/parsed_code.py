"""The code that counts in a Python file, and what it imports; kept from one run to the next.

Docstrings, comments, layout, types of arguments, log lines and the texts of errors do not count. Parsing all files would take a
quarter of the time of a plan, so the result for each text is kept. Python's version and this file count too, as they decide the result.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from imprint.store.files import write_text

FILE = Path(".snakemake") / "imprint-code.json"
MOST_ENTRIES = 5000  # each edit of a file adds one
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


class FileCode(NamedTuple):
    """A digest of the code that counts in a file, and the names that it imports, with the dots of relative imports."""

    digest: str
    imports: tuple[str, ...]


def parse(text: str) -> FileCode:
    """A digest of the code that counts in a Python file, and the names that it imports."""
    whole = ast.parse(text)
    tree = _Counted(_messengers(whole)).visit(whole)
    imports: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            folder = "." * node.level
            module = f"{node.module}." if node.module else ""  # empty for `from . import name`
            names = [module.rstrip("."), *(f"{module}{alias.name}" for alias in node.names)]
            imports += [f"{folder}{name}" for name in names if name]
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return FileCode(digest, tuple(dict.fromkeys(imports)))


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

    A name that is also bound to something else in the file, such as a list, does not count.
    """
    bound: Counter[str] = Counter()
    telling: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                bound[name] += 1
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                bound[name] += 1
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
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


class ParsedCode:
    """Texts as parsed by `parse`, in this run or an earlier one."""

    def __init__(self) -> None:
        self._version = f"{sys.version_info} {Path(__file__).read_text(encoding='utf-8')}"
        self._entries: dict[str, FileCode] | None = None
        self._is_new = False

    def get(self, text: str) -> FileCode:
        """The code of a text, parsed now or before."""
        if self._entries is None:
            self._entries = _read()
        key = hashlib.sha256(f"{self._version}\n{text}".encode()).hexdigest()
        if key not in self._entries:
            self._entries[key] = parse(text)
            self._is_new = True
        return self._entries[key]

    def keep(self) -> None:
        """Write the entries for the next run, if some are new and Snakemake has a folder here."""
        if not self._is_new or self._entries is None or not FILE.parent.is_dir():
            return
        entries = dict(list(self._entries.items())[-MOST_ENTRIES:])
        with suppress(OSError):  # without the file all is parsed again
            write_text(FILE, json.dumps(entries))


def _read() -> dict[str, FileCode]:
    """The entries of earlier runs; none if there are none, or the file is damaged."""
    try:
        entries = json.loads(FILE.read_text())
        return {
            str(key): FileCode(str(digest), tuple(map(str, names)))
            for key, (digest, names) in entries.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


PARSED = ParsedCode()
