"""Lost and damaged files of a finished study that is run again and extended: is a wrong result ever reported as done?

    python -m benchmarks.attacks [--seed 0] [--only embeddings proxies] [--jobs 2]

For each kind of file in results/, one file is attacked in a copy of the study: deleted, emptied, cut off, one bit flipped (with
a new time, and with its old time, as when a disk decays), and replaced by another file of its kind. Then the study runs and,
unless the file is restored, runs once more after an edit that reads nearly everything. Each run is one of

    as before  it ends, and its outputs are those of an undisturbed study
    told       it fails with a message that names the file, without a traceback
    WRONG      anything else

A file that no job reads may stay damaged if neither its size nor its time has changed: this counts as `unread`. Bar: nothing
is wrong. The exit code is 1 otherwise.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import yaml

from benchmarks.faults import equal
from benchmarks.options import new_parser
from benchmarks.runs import SMALL, command, configure
from imprint.errors import UserError
from imprint.store.files import canonical
from imprint.store.heads import read_head

STUDY = {
    **SMALL,
    "tasks": {
        "digits": {"datasets": "digits"},
        "even": {"datasets": "digits", "classes": [0, 2, 4, 6, 8]},
        "glyphs": {"datasets": "glyphs", "family": {"d": [2], "draws": 2, "classes": 3}},
    },
    "experiments": {
        "methods": {
            "presets": ["qi", "janson", "oracle"],
            "tables": ["published_methods", "statistics"],
            "figures": ["published_methods", "tsne", "gallery"],
        },
        "number-of-proxies": {
            "tasks": ["digits", "even"],
            "gen": [{"name": "kmeans", "k": [1, 3]}, {"name": "all"}],
            "figures": ["accuracy_over_k", "gain_over_nc1"],
            "save_heads": True,
        },
    },
}
# durations in reports, and the path of the study in heads
OTHER = re.compile(r'\d+(\.\d+)? (ms|s|min|h)\b|"checkpoint": ?"[^"]*"')


def flip(path: Path, chance: random.Random) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def decay(path: Path, chance: random.Random) -> None:
    """Flip one bit of a file, and restore its times."""
    before = path.stat()
    flip(path, chance)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(path: Path, chance: random.Random) -> None:
    """Replace a file by another of the same kind, if there is one."""
    others = [p for p in sorted(path.parents[1].rglob(f"*{path.suffix}")) if p.name == path.name]
    others = others or sorted(path.parent.glob(f"*{path.suffix}"))
    others = [p for p in others if p != path and p.read_bytes() != path.read_bytes()]
    if others:
        shutil.copyfile(chance.choice(others), path)


ATTACKS: dict[str, Callable[[Path, random.Random], None]] = {
    "deleted": lambda path, chance: path.unlink(),
    "emptied": lambda path, chance: path.write_bytes(b""),
    "cut off": lambda path, chance: path.write_bytes(path.read_bytes()[: -max(1, path.stat().st_size // 3)]),
    "flipped": flip,
    "decayed": decay,
    "swapped": swap,
}  # fmt: skip


def extended() -> dict:
    """The study with more k, another seed and another figure."""
    study = yaml.safe_load(yaml.safe_dump(STUDY))
    study["experiments"]["number-of-proxies"]["gen"][0]["k"] = [1, 2, 3]
    study["experiments"]["number-of-proxies"]["figures"].append("accuracy_over_k_by_d")
    study["experiments"]["methods"]["presets"].append("hosoda")
    return study


def run(folder: Path) -> tuple[int, str]:
    """Exit code and output of a run; unlike `benchmarks.runs.run`, the run may fail."""
    done = subprocess.run(command(1), cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def delivered(folder: Path) -> dict[str, object]:
    """The outputs of a study, by file: values without times, the bytes of pictures, the content of heads, and whether there is a report."""
    results = folder / "results"
    contents: dict[str, object] = {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        top = name.split("/")[0]
        if not path.is_file() or path.name.startswith("."):
            continue
        if "/" in name and (top not in ("tables", "figures", "heads") or path.suffix == ".parquet"):
            continue  # intermediate files, and the data of pictures
        if path.suffix == ".parquet":
            try:
                frame = pd.read_parquet(path)
            except Exception:  # pyarrow raises many classes for damaged files
                contents[name] = "damaged"
                continue
            frame = frame.drop(columns=[c for c in frame if "seconds" in str(c)])
            contents[name] = frame.astype(str).to_csv()
        elif path.suffix in (".html", ".json", ".txt", ".md", ".csv", ".tex"):
            text = path.read_text(errors="replace")
            contents[name] = OTHER.sub("", text) if path.suffix != ".html" else len(text) > 1000
        elif path.suffix in (".png", ".svg", ".pdf"):
            contents[name] = path.read_bytes()
        elif top == "heads":
            contents[name] = content_of_head(path)
    return contents


def content_of_head(path: Path) -> object:
    """The arrays and the description of a head, without the path of the study."""
    try:
        head = read_head(path)
    except UserError:
        return "damaged"
    return {**vars(head), "description": OTHER.sub("", canonical(head.description))}


def kind(path: Path, results: Path) -> str:
    """The kind of a file: its top folder, its depth, and its suffix."""
    if path.suffix == ".record":
        return "record"
    parts = path.relative_to(results).parts
    return f"{parts[0] if len(parts) > 1 else path.name} {len(parts)} {path.suffix}"


def victims(results: Path, chance: random.Random) -> Iterator[tuple[str, Path]]:
    """One file of each kind, except logs."""
    of_kind: dict[str, list[Path]] = {}
    for path in sorted(results.rglob("*")):
        if path.is_file() and path.relative_to(results).parts[0] != "logs":
            of_kind.setdefault(kind(path, results), []).append(path)
    yield from ((name, chance.choice(paths)) for name, paths in of_kind.items())


def outcome(folder: Path, victim: str, expected: dict[str, object]) -> tuple[str, str]:
    """The outcome of a run, and the reason if it is wrong."""
    code, output = run(folder)
    if "Traceback" in output:
        return "WRONG", "a traceback: " + output[-1500:]
    if code:
        named = victim in output or Path(victim).name in output
        return ("told", "") if named else ("WRONG", "fails without naming it: " + output[-1500:])
    now = delivered(folder)
    names = expected.keys() | now.keys()
    differs = [name for name in names if not equal(expected.get(name), now.get(name))]
    if not differs:
        return "as before", ""
    if differs == [victim] and victim in now:
        return "unread", ""
    return "WRONG", f"done, but {sorted(differs)} differ"


def attacked(
    base: Path, victim: str, attack: str, seed: int, expected: list[dict[str, object]]
) -> list[tuple[str, str]]:
    """Outcomes of the two runs after one attack on a copy of the study."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "study"
        shutil.copytree(base, folder, symlinks=True)
        ATTACKS[attack](folder / "results" / victim, random.Random(seed))
        first = outcome(folder, victim, expected[0])
        path = folder / "results" / victim
        if path.exists() and path.read_bytes() == (base / "results" / victim).read_bytes():
            return [first]
        if first[0] == "told":  # as the message asks
            path.unlink(missing_ok=True)
        configure(folder, extended())
        return [first, outcome(folder, victim, expected[1])]


def main() -> int:
    parser = new_parser(__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", nargs="*", default=[""], help="only kinds of files that begin with these words"
    )
    parser.add_argument("--jobs", type=int, default=2, help="number of parallel attacks")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        base, other = Path(name) / "base", Path(name) / "other"
        expected = []
        base.mkdir()
        configure(base, STUDY)
        for folder in (base, other):
            if folder is other:
                shutil.copytree(base, other, symlinks=True)
                configure(other, extended())
            code, output = run(folder)
            if code:
                raise RuntimeError(output[-3000:])
            expected.append(delivered(folder))
        results = base / "results"
        tasks = [
            (of_kind, str(path.relative_to(results)), attack, chance.randrange(2**31))
            for of_kind, path in victims(results, chance)
            if of_kind.startswith(tuple(options.only))
            for attack in ATTACKS
        ]
        print(f"{len(tasks)} attacks", flush=True)
        counts: Counter[str] = Counter()
        with ThreadPoolExecutor(options.jobs) as pool:
            of_tasks = pool.map(
                lambda task: attacked(base, task[1], task[2], task[3], expected),
                tasks,
            )
            for (of_kind, victim, attack, _), outcomes in zip(tasks, of_tasks, strict=True):
                words = [word for word, _ in outcomes]
                counts.update(words)
                print(f"{of_kind:32} {attack:8} {', then '.join(words):28} {victim}", flush=True)
                for word, why in outcomes:
                    if word == "WRONG":
                        print(f"    {why}", flush=True)
    print(", ".join(f"{count} {word}" for word, count in counts.most_common()))
    return int(counts["WRONG"] > 0)


if __name__ == "__main__":
    sys.exit(main())
