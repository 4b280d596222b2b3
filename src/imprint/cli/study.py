"""Commands about a study: doctor, status, cache."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imprint.config import Study


def add(commands: argparse._SubParsersAction) -> None:
    """Add them to the command line."""
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
    status = commands.add_parser(
        "status",
        help="what of a study is done, what is to do and why, how long the rest takes",
        description="Say where a study stands, as `snakemake --dry-run` sees it. Computes and changes nothing.",
    )
    status.add_argument("config", nargs="?", help="configuration file (config.yaml)")
    status.add_argument("--cores", type=int, help="cores that times are told for (all of this machine)")
    status.add_argument(
        "--leftovers", action="store_true", help="list result files that nothing in the study makes"
    )
    status.add_argument("--json", action="store_true", help="one JSON object")
    status.set_defaults(run=run_status)
    cache = commands.add_parser(
        "cache",
        help="finished work that is kept so that edits cost what they add: show or prune it",
        description="Show, or prune, the blocks of finished work below cache/ in the results. Deleting them costs time "
        "and nothing else.",
    )
    cache.add_argument("config", nargs="?", default="config.yaml", help="configuration file (config.yaml)")
    cache.add_argument(
        "--prune",
        action="store_true",
        help="drop what the last run of each job did not use, and what no job uses",
    )
    cache.add_argument("--json", action="store_true", help="one JSON object")
    cache.set_defaults(run=run_cache)


def load_study(*configs: str) -> Study:
    """The study in configuration files, for commands about it."""
    from imprint.config import load
    from imprint.plots import FIGURES
    from imprint.tables import TABLES

    return load(configs, figures=FIGURES, tables=TABLES)


def run_doctor(arguments: argparse.Namespace) -> int:
    """Print the findings as they are made; 1 if one is a problem."""
    from imprint.doctor import BAD, examine

    worst = 0
    for finding in examine(load_study(*arguments.config)):
        worst |= finding.level == BAD
        if arguments.json:
            print(json.dumps(vars(finding)), flush=True)
        else:
            print(f"{finding.level:8}{finding.subject}: {finding.text}", flush=True)
    return int(worst)


def run_status(arguments: argparse.Namespace) -> int:
    """Print where the study stands."""
    from imprint.status import status, told

    study = load_study(arguments.config or "config.yaml")
    found = status(study.root, arguments.config, arguments.cores)
    if arguments.json:
        print(json.dumps(found.as_dict()))
    else:
        print("\n".join(found.leftovers if arguments.leftovers else told(found)))
    return 0


def run_cache(arguments: argparse.Namespace) -> int:
    """Print what is kept, and drop what is of no use."""
    from imprint.kept import FOLDER, contents, place, prune
    from imprint.units import size

    study = load_study(arguments.config)
    root = study.root
    freed = 0
    if arguments.prune:
        used = {place(root, root / output) for output in study.kept_outputs()}
        freed = sum(prune(found, found.path in used) for found in contents(root))
    kept = list(contents(root))
    rules: dict[str, dict[str, int]] = {}
    for found in kept:
        rule = rules.setdefault(found.path.relative_to(root / FOLDER).parts[0], Counter())
        rule.update(files=1, blocks=found.blocks, unused=found.unused, bytes=found.size)
    if arguments.json:
        print(json.dumps({"folder": str(root / FOLDER), "freed": freed, "rules": rules}))
        return 0
    if arguments.prune:
        print(f"{size(freed)} freed")
    print(
        f"{root / FOLDER}: {sum(found.blocks for found in kept):,} blocks, {size(sum(found.size for found in kept))}"
    )
    for name, rule in rules.items():
        print(
            f"{name:<12}{rule['blocks']:>10,} blocks, {rule['unused']:,} of no use to the last runs, {size(rule['bytes'])}"
        )
    return 0
