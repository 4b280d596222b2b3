"""Hours and memory of the paper's whole study, or a part of it, on made-up embeddings of the true sizes, against `imprint doctor`.

    python -m benchmarks.paper FOLDER [--part]
    python -m benchmarks.paper FOLDER --share 1 --fms resnet18 --datasets mnist --draws 1

Writes embeddings and a study derived from config/paper.yaml to FOLDER and runs it with Snakemake. `--part` takes about ten
minutes on two cores: half of the samples of one FM, MNIST and its subsets in place of twelve tasks, a few shots, three "d in 1"
with one draw. The whole study needs 9 GB of embeddings and 60 GB of results. A stopped run ends with exit code 1, and
continues with the same command.

Time is processor time divided by the number of cores, so that other work on the machine has little effect. A job, with all its
cells, counts for the first experiment that requests its file. The prediction for the whole study is that of `imprint doctor` for
each job, times the ratio of measured to predicted seconds of the most similar jobs of the part.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml

from benchmarks.data import synthetic
from benchmarks.options import new_parser
from benchmarks.runs import ROOT, command
from imprint.store.paths import LOGS
from imprint.study import estimate
from imprint.study.estimate import RULES, EstimatedJob
from imprint.study.grid import Study
from imprint.study.job_log import usage
from imprint.study.load import load

WIDTHS: dict[str, int | None] = {"resnet18": 512, "resnet50": 2048, "vit_b_16": 768, "swin_b": 1024}
SIZES = {  # training and test samples, classes
    "mnist": (60_000, 10_000, 10),
    "fashionmnist": (60_000, 10_000, 10),
    "cifar10": (50_000, 10_000, 10),
    "mnist-m": (60_000, 10_000, 10),
    "usps": (7_291, 2_007, 10),
    "svhn": (73_257, 26_032, 10),
    "imagenet": (130_000, 5_000, 100),  # the 100 classes that the paper draws
}
DIGITS = ("mnist", "mnist-m", "usps", "svhn")
FIXED = {"proxies": 0.18, "evaluate": 0.68, "collapse": 0.18}  # GiB of a job without embeddings
TIMES = "times.json"
OF_IMAGES = ("gallery", "training_images")  # figures that need images
WHOLE: dict[str, Any] = {
    "share": 1.0, "fms": list(WIDTHS), "datasets": list(SIZES), "shots": [], "d": [], "draws": 10,
}  # fmt: skip
PART = {
    "share": 0.5, "fms": ["resnet18"], "datasets": [*DIGITS, "imagenet"], "shots": ["20", "400", "full"],
    "d": [1, 4, 10], "draws": 1,
}  # fmt: skip


def study_of(folder: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """config/paper.yaml on the embeddings in `folder`, reduced by the options."""
    config = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    datasets, fms = options["datasets"], options["fms"]
    config["results"] = str(folder / "results")
    config["datasets"] = {
        name: {"source": "embeddings", "class_count": SIZES[name][2]} for name in datasets
    }
    config["fms"] = {
        fm: {
            "source": "embeddings",
            "ls_lambda": 1e-4,
            "files": {name: str(folder / "embeddings" / f"{fm}-{name}.h5") for name in datasets},
        }
        for fm in fms
    }
    tasks = config["tasks"] = {
        name: task
        for name, task in config["tasks"].items()
        if set(_listed(task["datasets"])) <= set(datasets)
    }
    for task in tasks.values():
        if "family" in task:
            task["family"] |= {"draws": options["draws"], "d": options["d"] or task["family"]["d"]}
    experiments = config["experiments"]
    for name, experiment in list(experiments.items()):
        used = [task for task in _listed(experiment.get("tasks", [])) if task in tasks]
        if ("tasks" in experiment and not used) or experiment.get("fms", fms[0]) not in fms:
            del experiments[name]
            continue
        if used:
            experiment["tasks"] = used
        if "shots" in experiment and options["shots"]:
            experiment["shots"] = [s if s == "full" else int(s) for s in options["shots"]]
        if "figures" in experiment:
            experiment["figures"] = [f for f in experiment["figures"] if f not in OF_IMAGES]
    for experiment in experiments.values():
        if "also" in experiment:
            experiment["also"] = [name for name in experiment["also"] if name in experiments]
    return config


def _listed(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names


def write_embeddings(folder: Path, options: Mapping[str, Any]) -> None:
    """Write the embeddings; files that exist are kept."""
    (folder / "embeddings").mkdir(parents=True, exist_ok=True)
    for fm in options["fms"]:
        for seed, name in enumerate(SIZES):
            path = folder / "embeddings" / f"{fm}-{name}.h5"
            if path.exists() or name not in options["datasets"]:
                continue
            train, test = counts_of(options["share"])[name].values()
            data = synthetic(train, test, WIDTHS[fm] or 0, SIZES[name][2], seed)
            unfinished = path.with_suffix(".unfinished")
            with h5py.File(unfinished, "w") as file:
                for split, x, y in (("train", data.x, data.y), ("test", data.test_x, data.test_y)):
                    file[f"{split}/embeddings"], file[f"{split}/labels"] = x, y
                    file[f"{split}/ids"] = np.arange(len(y))
            unfinished.rename(path)
            print(f"{path.name}: {train:,} + {test:,} x {WIDTHS[fm]}", flush=True)


def counts_of(share: float) -> dict[str, dict[str, int]]:
    """Training and test samples of each dataset."""
    return {
        name: {"train": round(train * share), "test": round(test * share)}
        for name, (train, test, _) in SIZES.items()
    }


def run(folder: Path, cores: int) -> tuple[dict[str, float], bool]:
    """Run or continue the study; return wall and processor seconds of all runs with operations per second of a core, and whether it ended."""
    path = folder / TIMES
    times = {"wall": 0.0, "processor": 0.0, "rate": 0.0}
    if path.exists():
        times = json.loads(path.read_text())
    start_study = command(cores, "study", "--config", f"study={folder / 'study.yaml'}")
    before = estimate.operations_per_second()
    start = time.perf_counter()
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(start_study, cwd=folder, stdout=log, stderr=log)
        _, status, spent = os.wait4(process.pid, 0)  # includes its jobs
    times["wall"] += time.perf_counter() - start
    times["processor"] += spent.ru_utime + spent.ru_stime
    times["rate"] = max(times["rate"], before, estimate.operations_per_second())
    path.write_text(json.dumps(times, indent=1))
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        print(f"The study stopped, see {folder / 'log'}; the same command goes on. Until then:")
    return times, not process.returncode


def owner(study: Study, job: EstimatedJob) -> str:
    """The first experiment that requests the file of a job."""
    for name in study.experiments_of[job.group]:
        methods = study.methods[name]
        names = {method.gen for method in methods} | {method.scoring.agg for method in methods}
        if job.name in names or not job.name:
            return name
    return study.experiments_of[job.group][-1]


def log_of(study: Study, job: EstimatedJob) -> Path:
    """The log of a job."""
    parts = (job.group.fm, job.group.task, *([job.group.shots, job.name] if job.name else []))
    return (study.root / LOGS / job.rule).joinpath(*parts[:-1], f"{parts[-1]}.log")


def names_of(study: Study, job: EstimatedJob) -> tuple[tuple[str, ...], ...]:
    """Keys of similar jobs: rule, GEN or AGG, and task or family; then rule and GEN or AGG."""
    return (job.rule, job.name, study.tasks[job.group.task].family), (job.rule, job.name)


class Sums:
    """Seconds of one core by experiment and rule, and by keys of similar jobs; GiB of the largest job by experiment.

    Jobs hold copies of the embeddings that they read; the largest number of copies is stored by the same keys.
    """

    def __init__(self) -> None:
        self.of_experiments: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.of_names: defaultdict[tuple[str, ...], float] = defaultdict(float)
        self.memory: dict[str, float] = {}
        self.copies: dict[tuple[str, ...], float] = {}

    def add(self, study: Study, job: EstimatedJob, seconds: float, memory: float = 0.0) -> None:
        """Count a job for the first experiment that requests its file."""
        name = owner(study, job)
        self.of_experiments[name, job.rule] += seconds
        for names in names_of(study, job):
            self.of_names[names] += seconds
            copies = max(0.0, memory - FIXED[job.rule]) / job.read * 2**30
            self.copies[names] = max(copies, self.copies.get(names, 0.0))
        self.memory[name] = max(memory, self.memory.get(name, 0.0))

    def print_hours(self, title: str, cores: int) -> float:
        """Print hours by experiment and rule; return their sum."""
        print(f"\n{title}, hours on {cores} cores")
        print(f"  {'experiment':36}" + "".join(f"{name:>11}" for name in (*RULES, "peak GiB")))
        for name in self.memory:
            seconds = [self.of_experiments[name, rule] for rule in RULES]
            self._print_row(name, [s / 3600 / cores for s in seconds], self.memory[name])
        seconds = [sum(v for (_, of), v in self.of_experiments.items() if of == r) for r in RULES]
        self._print_row("all", [s / 3600 / cores for s in seconds], max(self.memory.values()))
        return sum(seconds) / 3600 / cores

    def _print_row(self, name: str, hours: list[float], memory: float) -> None:
        peak = f"{memory:11.2f}" if memory else ""
        print(f"  {name:36}" + "".join(f"{hour:11.3f}" for hour in hours) + peak)


def main() -> int:
    parser = new_parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--part", action="store_true", help="about ten minutes on two cores")
    parser.add_argument("--share", type=float, help="share of the samples")
    parser.add_argument("--fms", nargs="+", choices=list(WIDTHS))
    parser.add_argument("--datasets", nargs="+", choices=list(SIZES))
    parser.add_argument("--shots", nargs="+", help="shots, in place of thirteen")
    parser.add_argument("--d", nargs="+", type=int, help='values of d in "d in 1", in place of ten')
    parser.add_argument("--draws", type=int, help="draws of ImageNet classes, for each d")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument(
        "--report", action="store_true", help="of what has run, without running more"
    )
    arguments = parser.parse_args()
    chosen = {name: value for name, value in vars(arguments).items() if value is not None}
    options = {**WHOLE, **(PART if arguments.part else {}), **chosen}
    folder, cores = arguments.folder.absolute(), arguments.cores
    write_embeddings(folder, options)
    (folder / "study.yaml").write_text(yaml.safe_dump(study_of(folder, options), sort_keys=False))
    study = load([folder / "study.yaml"])
    if arguments.report:
        times, ended = json.loads((folder / TIMES).read_text()), True
    else:
        times, ended = run(folder, cores)
    measured, doctor = Sums(), Sums()
    for job in estimate.jobs(
        study, study.groups, counts_of(options["share"]), WIDTHS, times["rate"]
    ):
        spent = usage(log_of(study, job))
        if spent:
            measured.add(study, job, spent.processor, spent.memory)
            doctor.add(study, job, job.seconds)
    hours = measured.print_hours("Measured", cores)
    hours_of_doctor = doctor.print_hours("The same, as imprint doctor predicts", cores)
    print(
        f"\nimprint doctor predicts {hours_of_doctor:.3f} of {hours:.3f} hours, {hours_of_doctor / hours:.2f}"
    )
    ratios = {name: seconds / doctor.of_names[name] for name, seconds in measured.of_names.items()}
    for names, ratio in sorted(ratios.items()):
        print(f"  {' '.join(names):40} takes {ratio:5.2f} times as long")
    logs = (study.root / LOGS).rglob("*.log")
    every = [spent for path in logs if (spent := usage(path))]
    rest = sum(spent.processor for spent in every) - hours * 3600 * cores
    of_snakemake = times["processor"] - rest - hours * 3600 * cores
    print(
        f"tables, figures and all else: {rest / 3600 / cores:.3f} hours; Snakemake: {of_snakemake / 3600 / cores:.3f} hours for "
        f"{len(every)} jobs; by the clock {times['wall'] / 3600:.3f} hours; {times['rate'] / 1e9:.0f} GFLOP/s a core"
    )
    whole = load([ROOT / "config" / "paper.yaml"])
    predicted, doctor = Sums(), Sums()
    for job in estimate.jobs(whole, whole.groups, counts_of(1.0), WIDTHS, times["rate"]):
        like = next((names for names in names_of(whole, job) if names in ratios), None)
        memory = FIXED[job.rule] + (measured.copies[like] * job.read / 2**30 if like else 0.0)
        predicted.add(whole, job, job.seconds * (ratios[like] if like else 1.0), memory)
        doctor.add(whole, job, job.seconds)
    hours = predicted.print_hours("The whole study, predicted from what was measured", cores)
    hours_of_doctor = doctor.print_hours("The whole study, as imprint doctor predicts", cores)
    print(
        f"\nIn all {hours:.1f} hours, without tables, figures and reports; the doctor predicts {hours_of_doctor:.1f}."
    )
    return int(not ended)


if __name__ == "__main__":
    sys.exit(main())
