"""The `imprint` command. Slow imports happen only when a command runs."""

from __future__ import annotations

import importlib
import io
import logging
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from imprint.interrupts import ignored_interrupts_again

if TYPE_CHECKING:
    from typer import Typer

INTERRUPTED = 130  # exit code
# modules that register commands, in the order of the help
MODULES = ("heads", "evaluate", "explain", "revise", "compare", "embeddings", "study", "diff")


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit.

    The exit code is 0 if the command is done, 1 if `doctor` found problems, 2 after a mistake of the user (only
    the message goes to stderr), and 130 after Ctrl-C.

    Parameters
    ----------
    arguments : list of str, optional
        By default `sys.argv[1:]`.
    """
    try:
        with ignored_interrupts_again():
            code = _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Run a command and return the exit code."""
    from typer.exceptions import TyperException

    from imprint.cli.app import drop_output, ignore_missing_columns
    from imprint.errors import UserError, WrongSource
    from imprint.processor import wait_without_core

    wait_without_core()
    _prepare_output()
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    ignore_missing_columns()
    try:
        if "" in arguments:
            raise UserError("an argument is empty; is a shell variable not set?")
        code = int(application()(arguments, prog_name="imprint", standalone_mode=False) or 0)
        if code == INTERRUPTED:  # typer turns Ctrl-C into this exit code
            raise KeyboardInterrupt
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader has closed the pipe, as `head` does
        drop_output()
        return 0
    except TyperException as error:
        message = error.format_message()
    except WrongSource as error:
        message = f"{error}\nRun: {_corrected(arguments, error.source, error.instead)}"
    except UserError as error:
        message = str(error)
    except (ImportError, MemoryError) as error:
        if (advice := _advice(error)) is None:
            raise
        message = advice
    except OSError as error:
        if error.strerror is None:
            raise
        if error.filename is None:
            drop_output()
        message = f"{_place(error.filename)}: {error.strerror}"
    print(message, file=sys.stderr)
    return 2


def application() -> Typer:
    """The app with all commands registered."""
    from imprint.cli.app import app

    for module in MODULES:
        importlib.import_module(f"imprint.cli.{module}")
    return app


def _prepare_output() -> None:
    """Make printing safe if an output is closed or its encoding lacks a character."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _corrected(arguments: list[str], source: str, instead: str) -> str:
    """The command line with the source replaced, also where it is the value of an option, --train=SOURCE."""
    words = ["imprint"]
    for word in arguments:
        option, is_value, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
        words.append(option + is_value + (instead if Path(value) == Path(source) else value))
    return shlex.join(words)


def _advice(error: ImportError | MemoryError) -> str | None:
    """What to do if a package is not installed, or memory is too small or limited; None for an import that failed otherwise."""
    from imprint.extras import not_installed

    if isinstance(error, ModuleNotFoundError):
        return not_installed(error.name or "")
    # the loader of libraries has no error of its own for this
    if isinstance(error, ImportError) and "failed to map segment" not in str(error):
        return None
    reason = f" ({error})" if str(error) else ""
    return (
        f"not enough memory{reason}; close other programs, give this one more (ulimit -v, or the limit of its container or job), "
        "or use fewer images"
    )


def _place(filename: object) -> str:
    """The place of an OSError in terms the user knows; names of temporary files mean nothing to the user."""
    if filename is None:
        return "the output cannot be written"
    path, temporary = Path(os.fsdecode(str(filename))), Path(tempfile.gettempdir())
    if path.is_relative_to(temporary) and path.name.startswith(("imprint-", "tmp")):
        return f"{temporary}, the folder of temporary files (TMPDIR)"
    return str(path.parent if path.name.startswith(".") and ".tmp" in path.name else path)
