"""The `imprint` command. Each module adds its commands; what they compute with is imported when they run."""

from __future__ import annotations

import argparse
import logging
import sys

from imprint import __version__
from imprint.cli import heads, show, study
from imprint.errors import UserError

EXAMPLES = """examples:
  imprint compare photos --fm resnet18.a1_in1k            which head is best for a folder of photographs
  imprint fit photos -o birds.safetensors --fm resnet18.a1_in1k
  imprint predict birds.safetensors new-photos -o labels.csv
  imprint embed photos -o photos.h5 --fm resnet18.a1_in1k     embed once, then fit and compare in seconds
  imprint show results/scores.parquet                     what is in a file of imprint
  imprint doctor                                          check the study in config.yaml before hours are spent
  imprint status                                          what of it is done, what is to do and why
`imprint COMMAND --help` says more. Exit code: 0 done, 1 problems found (doctor), 2 a mistake in what was given.
"""


def parser() -> argparse.ArgumentParser:
    """The command line of `imprint`."""
    top = argparse.ArgumentParser(
        prog="imprint", description="Weight imprinting on frozen foundation models (FMs).",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"imprint {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for module in (heads, show, study):
        module.add(commands)
    return top


def main(given: list[str] | None = None) -> None:
    """Run a command; a user's mistake ends in its message and exit code 2."""
    arguments = parser().parse_args(given)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        code = arguments.run(arguments)
    except UserError as error:
        print(error, file=sys.stderr)
        code = 2
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        sys.stderr.close()
        code = 0
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
