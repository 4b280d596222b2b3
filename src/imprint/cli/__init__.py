"""The `imprint` command. What its commands compute with is imported when they run."""

from __future__ import annotations

import logging
import sys

from typer.exceptions import TyperException

from imprint.cli import (  # noqa: F401 (they register their commands)
    compare,
    diff,
    embeddings,
    evaluate,
    explain,
    heads,
    revise,
    study,
)
from imprint.cli.app import app
from imprint.errors import UserError, not_installed


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit.

    The exit code is 0 if it is done, 1 if `doctor` found problems, 2 after a mistake of the user's,
    whose message alone goes to stderr, and 130 after Ctrl-C.

    Parameters
    ----------
    arguments : list of str, optional
        In place of `sys.argv[1:]`.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        code = app(arguments, prog_name="imprint", standalone_mode=False) or 0
    except (UserError, TyperException) as error:
        print(
            error.format_message() if isinstance(error, TyperException) else error, file=sys.stderr
        )
        code = 2
    except ModuleNotFoundError as error:
        message = not_installed(error.name or "")
        if message is None:
            raise
        print(message, file=sys.stderr)
        code = 2
    sys.exit(code)
