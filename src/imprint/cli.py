"""The `imprint` command."""

from __future__ import annotations

import argparse
import json
import sys

from imprint import __version__
from imprint.errors import UserError

EXAMPLES = """examples:
  imprint doctor                                      check the study in config.yaml
  imprint doctor config/mnist-resnet10t.yaml --json   check another, for a program to read
"""


def parser() -> argparse.ArgumentParser:
    """The command line of `imprint`."""
    top = argparse.ArgumentParser(
        prog="imprint", description="Weight imprinting on frozen foundation models.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"imprint {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    doctor = commands.add_parser(
        "doctor",
        help="check a study before hours are spent: data, weights, device, disk, time",
        description="Check a study: data on disk or reachable, weights, device, a forward pass of every FM, disk, "
        "time. Computes and changes nothing. Exit code 1 if there is a problem.",
    )
    doctor.add_argument(
        "config", nargs="*", default=["config.yaml"], help="configuration files (config.yaml)"
    )
    doctor.add_argument("--json", action="store_true", help="one JSON object a line")
    doctor.set_defaults(run=run_doctor)
    return top


def run_doctor(arguments: argparse.Namespace) -> int:
    """Print the findings as they are made; 1 if one is a problem."""
    from imprint.config import load
    from imprint.doctor import BAD, examine
    from imprint.plots import FIGURES
    from imprint.tables import TABLES

    study = load(arguments.config, figures=FIGURES, tables=TABLES)
    worst = 0
    for finding in examine(study):
        worst |= finding.level == BAD
        if arguments.json:
            print(json.dumps(vars(finding)), flush=True)
        else:
            print(f"{finding.level:8}{finding.subject}: {finding.text}", flush=True)
    return int(worst)


def main() -> None:
    """Run a command; a user's mistake ends in its message and exit code 2."""
    arguments = parser().parse_args()
    try:
        code = arguments.run(arguments)
    except UserError as error:
        print(error, file=sys.stderr)
        code = 2
    sys.exit(code)
