"""What the rules of the workflow need beside the library: clean jobs, and fingerprints of the code they run."""

from __future__ import annotations

import ast
import errno
import fcntl
import hashlib
import logging
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from imprint.errors import UserError

log = logging.getLogger("imprint")


WAYS_OUT = {
    "make room and run again, what is finished stays": {errno.ENOSPC, errno.EDQUOT, errno.EFBIG},
    "give this user the right to it, or another place (`results` in the configuration), and run again": {
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
    },
}


@contextmanager
def job(snakemake: Any) -> Iterator[Callable[[str], None]]:
    """Run the body of a script: progress goes to the rule's log, as does the traceback of a failure.

    Gives a function to say in a few words what was done, for the log and for the job's line on the terminal. A `UserError` ends the job with its message alone, anything else with the last line of the traceback and the name
    of the log. Numerical libraries use as many threads as the rule asks for.
    """
    path = Path(str(snakemake.log[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    logging.raiseExceptions = (
        False  # a log that cannot be written, on a full disk, is told once: by the job's end
    )
    start = time.monotonic()
    done: list[str] = []

    def did(what: str) -> None:
        log.info("%s", what)
        done.append(what)

    try:
        with limited_threads(snakemake.threads):
            yield did
        seconds = time.monotonic() - start
        log.info("done in %.1f s", seconds)
        which = " ".join(map(str, snakemake.wildcards))
        line = "  ".join([f"{snakemake.rule:12} {which}", f"{seconds:.1f} s", *done])
        sys.stderr.write(line + "\n")  # in one piece, among those of other jobs
    except UserError as error:
        log.error("%s", error)
        _stop(f"{snakemake.rule}: {error}")
    except OSError as error:
        log.error("%s", traceback.format_exc())
        where = error.filename or ", ".join(map(str, snakemake.output))
        what = f"{snakemake.rule}: {where}: {os.strerror(error.errno or 0)}"
        way_out = next((text for text, numbers in WAYS_OUT.items() if error.errno in numbers), None)
        _stop(
            f"{what}; {way_out}" if way_out else f"{snakemake.rule}: OSError: {error} (traceback in {path})"
        )
    except Exception as error:
        log.error("%s", traceback.format_exc())
        _stop(f"{snakemake.rule}: {type(error).__name__}: {error} (traceback in {path})")
    finally:
        log.removeHandler(handler)
        handler.close()


def _stop(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.exit(1)


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Numerical libraries, loaded or to be loaded, keep to so many threads."""
    from threadpoolctl import threadpool_limits

    os.environ["NUMBA_NUM_THREADS"] = str(threads)
    with threadpool_limits(limits=threads):
        yield


def ready(results: Path) -> None:
    """See to what keeps a run in the working directory from its work: rights, a dead run's lock, files of the future.

    `UserError` if the directory itself cannot be written to; the rest is said on the terminal.
    """
    for folder in (Path.cwd() / ".snakemake", results.absolute()):
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if not os.access(there, os.W_OK):
            said = f"{there} cannot be written to, so nothing can be computed here; give this user the right to it"
            if folder == results.absolute():  # a finished study can still be looked at
                print(f"{said}, or name another place by `results` in the configuration.", file=sys.stderr)
            else:
                raise UserError(f"{said}, or work in another directory.")
    if take_over_stale_lock(Path.cwd()):
        print("The last run here was killed; this one goes on where it stopped.", file=sys.stderr)
    early = _of_the_future(results)
    if early:
        print(
            f"A clock has jumped: {early} files in {results} were of the future; they are of now.",
            file=sys.stderr,
        )


def _of_the_future(results: Path) -> int:
    """Give files of a later time the present one, and count them.

    Snakemake takes what is made from such a file, being older, for a failure, and deletes it.
    """
    found = 0
    for path in results.rglob("*"):
        with suppress(OSError):  # gone in this moment, or not ours
            if path.stat().st_mtime > time.time() + SKEW:
                os.utime(path)
                found += 1
    return found


SKEW = 60  # seconds that the clock of a file server may be ahead
_held: list[IO[str]] = []  # open for the life of the process: closing lets the lock go


def take_over_stale_lock(folder: Path) -> bool:
    """Remove the lock that a killed Snakemake left in `folder`; True if there was one.

    Snakemake's lock is a plain file, so a run that is killed outright locks its folder for ever. Beside it this
    process holds a lock of the operating system, which ends with the process: whoever gets it, on the machine that
    held it last, knows that no other run is alive. A lock of another machine, or of a run without this one, is kept.
    """
    if _held:
        return False
    own, locks = folder / ".snakemake" / "imprint.lock", folder / ".snakemake" / "locks"
    try:
        own.parent.mkdir(parents=True, exist_ok=True)
        file = own.open("a+", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return (
            False  # another run is alive, or the file system has no such locks: Snakemake's own lock decides
        )
    file.seek(0)
    last = file.read()
    file.truncate(0)
    file.write(platform.node())
    file.flush()
    _held.append(file)
    stale = list(locks.glob("*.lock")) if last == platform.node() else []
    for lock in stale:
        lock.unlink(missing_ok=True)
    return bool(stale)


@cache
def fingerprint(script: str | Path) -> str:
    """A digest of a rule's script and of all `imprint` modules that it comes to import, docstrings and comments aside.

    A rule passes it as a parameter, so that an edit to the code it runs reruns it and other edits, or a new file
    time, do not.
    """
    tree = ast.parse(Path(script).read_text(encoding="utf-8"))
    digest = hashlib.sha256(_text(tree).encode())
    for name in sorted(_closure(_imports(tree))):
        digest.update(name.encode())
        digest.update(_tree(name).encode())
    return digest.hexdigest()[:16]


# what these do shows in no result: messages, and what is kept of earlier runs
_ASIDE = {"imprint", "imprint.errors", "imprint.kept", "imprint.workflow"}


def _closure(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name in found or name in _ASIDE or _source(name) is None:
            continue
        found.add(name)
        todo += _imports(_parsed(name))
    return found


@cache
def _source(name: str) -> Path | None:
    """The file of a module of this library, found without importing it (some import torch)."""
    package, *inner = name.split(".")
    place = Path(__file__).parent.joinpath(*inner)
    if package != "imprint":
        return None
    return next((p for p in (place / "__init__.py", place.with_suffix(".py")) if p.is_file()), None)


@cache
def _parsed(name: str) -> ast.Module:
    return ast.parse(_source(name).read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> list[str]:
    """Modules of the library that a module imports, at its top or inside functions; names of a package's modules too."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [module for module in found if module == "imprint" or module.startswith("imprint.")]


@cache
def _tree(name: str) -> str:
    """A module's syntax tree as text, without docstrings (comments and layout are not in it)."""
    return _text(_parsed(name))


def _text(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            node.body = body[1:]
    return ast.dump(tree)
