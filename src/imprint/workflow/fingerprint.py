"""Fingerprints of the code that a rule runs: an edit to it reruns the rule, other edits and new file times do not."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

# what these do shows in no result: messages, and what is kept of earlier runs
_ASIDE = {"imprint", "imprint.errors", "imprint.kept"}


@cache
def fingerprint(script: str | Path, own: str | Path | None = None) -> str:
    """A digest of a rule's script and of all `imprint` modules that it comes to import, docstrings and comments aside.

    own: a file of the user's that it runs, too. A rule passes the digest as a parameter.
    """
    text, imports = read(Path(script))
    digest = hashlib.sha256(text.encode())
    if own is not None:
        digest.update(read(Path(own))[0].encode())
    for name in sorted(closure(imports)):
        digest.update(name.encode())
        digest.update(read(source(name))[0].encode())
    return digest.hexdigest()[:16]


def closure(modules: Iterable[str]) -> set[str]:
    """These modules and all they come to import, as far as they can change a result."""
    found: set[str] = set()
    todo = list(modules)
    while todo:
        name = todo.pop()
        aside = name in _ASIDE or name == "imprint.workflow" or name.startswith("imprint.workflow.")
        if name in found or aside or source(name) is None:
            continue
        found.add(name)
        todo += read(source(name))[1]
    return found


@cache
def source(name: str) -> Path | None:
    """The file of a module of this library, found without importing it (some import torch)."""
    package, *inner = name.split(".")
    place = PACKAGE.joinpath(*inner)
    if package != "imprint":
        return None
    return next((p for p in (place / "__init__.py", place.with_suffix(".py")) if p.is_file()), None)


@cache
def read(path: Path) -> tuple[str, tuple[str, ...]]:
    """The syntax tree of a file as text, without docstrings, comments and layout; the library's modules it imports.

    Those are imported at its top or inside functions; names of a package's modules count too.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imports += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    own = [name for name in imports if name == "imprint" or name.startswith("imprint.")]
    return ast.dump(tree), tuple(own)
