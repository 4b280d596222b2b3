"""Commands that check a study: doctor, status, cache."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imprint.cli.app import command
from imprint.cli.options import Json, JsonLines
from imprint.cli.tables import print_table
from imprint.errors import BAD, Finding, UserError
from imprint.formatting import count, duration, size

if TYPE_CHECKING:
    from imprint.study.grid import Study
    from imprint.study.status import Rule, Status

CONFIG = "config.yaml"
REASONS = 3  # reasons shown per rule

Config = Annotated[str | None, typer.Argument(help=f"Configuration file ({CONFIG}).")]


def _load(*configs: str) -> Study:
    from imprint.study.load import load

    return load(configs)


@command(
    examples="""
      imprint doctor
      imprint doctor config/paper.yaml
      imprint doctor photos
    """
)
def doctor(
    source: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CONFIG|FOLDER",
            help=f"Configuration files ({CONFIG}), or a folder or other source of images.",
        ),
    ] = None,
    as_json: JsonLines = False,
) -> None:
    """Check a study, or a folder of images, before a long run.

    For a study: data on disk or reachable, weights, device, a forward pass of every FM, disk space, and the time for
    the jobs still to do. For a folder: images, classes and files that cannot be read. Computes no results and
    changes nothing. The exit code is 1 if there is a problem.
    """
    sources = source or [Path(CONFIG)]
    if len(sources) == 1 and sources[0].suffix not in (".yaml", ".yml", ".json"):
        from imprint.estimator.folder_check import findings

        _print_findings(findings(sources[0]), as_json)
        return
    if folder := next((path for path in sources if path.is_dir()), None):
        raise UserError(
            f"{folder} is a folder of images; check one folder at a time, without others"
        )
    study = _load(*map(str, sources))

    from imprint.study.doctor import examine

    is_done = _is_done(str(sources[0])) if len(sources) == 1 else Path.exists
    _print_findings(examine(study, is_done), as_json)


def _is_done(config: str) -> Callable[[Path], bool]:
    """A function that says whether a result is up to date or, if Snakemake has no plan, whether it exists."""
    from imprint.study.status import outdated_outputs

    try:
        outdated = outdated_outputs(config)
    except UserError:
        return Path.exists
    return lambda path: path.exists() and path.absolute() not in outdated


def _print_findings(findings: Iterable[Finding], as_json: bool) -> None:
    """Print findings as they arrive; exit with 1 if one is a problem."""
    problems = False
    for level, subject, text in findings:
        problems |= level == BAD
        if as_json:
            print(json.dumps({"level": level, "subject": subject, "text": text}), flush=True)
        else:
            print(f"{level:8}{subject}: {text}", flush=True)
    if problems:
        raise typer.Exit(1)


@command()
def status(
    config: Config = None,
    cores: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of cores for time estimates; default: all."),
    ] = None,
    leftovers: Annotated[
        bool, typer.Option("--leftovers", help="List result files that no job of the study makes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show which jobs of a study are to do, and why.

    Uses the plan of `snakemake --summary`, and estimates how long the remaining jobs take. Computes and changes nothing.
    """
    from imprint.study.status import status

    study = _load(config or CONFIG)
    state = status(study, config, cores)
    if as_json:
        print(json.dumps(state.as_dict()))
    elif leftovers:
        for file in state.leftovers:
            print(file)
    else:
        print_status(state)


def print_status(state: Status) -> None:
    """Print the state of a study."""
    from imprint.store.block_cache import FOLDER
    from imprint.study.startup import KILLED

    rules = {name: rule for name, rule in state.rules.items() if rule.why}
    done = sum(rule.done for rule in state.rules.values())
    if state.running:
        print("A run is in progress here; the outputs it is making count as to do.")
    if state.killed:
        print(KILLED)
    if rules:
        _print_rules(state, rules, done)
    else:
        print(f"Nothing to do: {done} of {done} jobs are done.")
    if state.blocks:
        unused = ""
        if state.unused:
            unused = f"; the last runs did not use {state.unused:,} (see `imprint cache`)"
        print(
            f"Cache of finished work in {FOLDER}/: {state.blocks:,} blocks, "
            f"{size(state.kept_size)}{unused}."
        )
    if state.leftovers:
        print(
            f"{count(len(state.leftovers), 'file belongs', 'files belong')} to no job of this study, such as "
            f"{state.leftovers[0]} (`imprint status --leftovers` lists them)."
        )


def _print_rules(state: Status, rules: dict[str, Rule], done: int) -> None:
    left = sum(rule.why.total() for rule in rules.values())
    unknown = sum(rule.seconds is None for rule in rules.values())
    time = "their time is not known yet"
    if unknown < len(rules):
        time = f"about {duration(state.seconds)} on {count(state.cores, 'core')}, judging by earlier jobs"
    print(f"{done} of {done + left} jobs are done; {left} to do: {time}.\n")
    rows = []
    for name, rule in rules.items():
        time = "?" if rule.seconds is None else duration(rule.seconds / state.cores)
        reasons = [f"{text} ({number})" for text, number in rule.why.most_common(REASONS)]
        if len(rule.why) > REASONS:
            reasons.append(f"{len(rule.why) - REASONS} other reasons")
        rows.append([name, rule.why.total(), rule.done, time, "; ".join(reasons)])
    print_table(["rule", "to do", "done", "time", "why"], rows, left=("rule", "why"))
    if unknown:
        print("No job of a rule with ? has run before: `imprint doctor` estimates their time.")
    print()


@command()
def cache(
    config: Config = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Delete blocks that the last run of each job did not use, blocks that no job uses, and all fits of single "
            "classes.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show or prune the cache of finished work.

    The folder cache/ in the results keeps blocks of finished work, so that after an edit only the new part is computed.
    Deleting them costs computing time, nothing else.
    """
    from imprint.store import block_cache, class_fits
    from imprint.study.startup import why_unreadable

    study = _load(config or CONFIG)
    root = study.root
    if reason := why_unreadable(root):
        raise UserError(reason)

    def contents() -> Iterator[block_cache.Content]:
        yield from block_cache.contents(root)
        yield from class_fits.contents(root)

    freed = 0
    if prune:
        used = {block_cache.blocks_file(root, output) for output in study.outputs_with_blocks()}
        freed = sum(block_cache.prune(file, file.path in used) for file in contents())
    rules: dict[str, Counter[str]] = {}
    for file in contents():
        rule = file.path.relative_to(root / block_cache.FOLDER).with_suffix("").parts[0]
        counts = {"files": 1, "blocks": file.blocks, "unused": file.unused, "bytes": file.size}
        rules.setdefault(rule, Counter()).update(counts)
    if as_json:
        print(
            json.dumps({"folder": str(root / block_cache.FOLDER), "freed": freed, "rules": rules})
        )
        return
    if prune:
        print(f"{size(freed)} freed")
    total = sum(rules.values(), Counter())
    print(f"{root / block_cache.FOLDER}: {total['blocks']:,} blocks, {size(total['bytes'])}")
    if rules:
        rows = [
            [name, f"{rule['blocks']:,}", f"{rule['unused']:,}", size(rule["bytes"])]
            for name, rule in rules.items()
        ]
        print_table(["rule", "blocks", "not used by the last runs", "size"], rows, left=("rule",))
