"""The specification of each job, ready for JSON: all that its output depends on, and nothing else."""

from __future__ import annotations

from typing import Any

from imprint.fm.pooling import POOLED
from imprint.method.generate import GENERATORS
from imprint.study.config.datasets import SUBSET_KEYS
from imprint.study.grid import Group, Study
from imprint.study.inputs import listing
from imprint.study.tasks import total

EMBED_THREADS = 2  # of a job that embeds


def preparation(study: Study, dataset: str) -> dict[str, Any]:
    """What a dataset is prepared from, without its location; for the user's images with a digest of the files."""
    entry = study.config.datasets[dataset]
    spec = entry.model_dump(mode="json", exclude={*SUBSET_KEYS, "root"})
    if "path" in spec:
        spec["files"] = listing(spec["path"])
    return spec


def subset(study: Study, dataset: str) -> dict[str, Any]:
    """The samples of a dataset that are embedded."""
    entry = study.config.datasets[dataset]
    spec = entry.model_dump(mode="json", include=SUBSET_KEYS)
    if spec.get("classes") == "needed":
        spec["classes"] = _classes_needed(study, dataset)
    return spec


def _classes_needed(study: Study, dataset: str) -> list[int] | None:
    """The classes of a dataset that the tasks use; None if a task uses all, or numbers of classes are not known."""
    counts = {name: entry.class_count for name, entry in study.config.datasets.items()}
    needed: set[int] = set()
    for name in dict.fromkeys(group.task for group in study.groups):
        task = study.tasks[name]
        if dataset not in task.datasets:
            continue
        before = task.datasets[: task.datasets.index(dataset)]
        offset, count = total(counts[other] for other in before), counts[dataset]
        if offset is None or count is None:
            return None
        if None in task.draws:
            return None
        needed |= task.classes_used(range(offset, offset + count))
    return sorted(needed)


def weights(study: Study, fm: str) -> dict[str, Any]:
    """Which published weights an FM has."""
    return study.config.fms[fm].model_dump(mode="json", include={"source", "model", "weights"})


def pretraining(study: Study, fm: str) -> dict[str, Any]:
    """How an FM is pre-trained."""
    fields = {"model", "epochs", "seed", "weight_decay"}
    return study.config.fms[fm].model_dump(mode="json", include=fields)


def embedding(study: Study, fm: str) -> dict[str, Any]:
    """How an FM embeds."""
    other = {"ls_lambda", "checkpoint", "epochs", "seed", "weight_decay", "dataset", "files"}
    spec = study.config.fms[fm].model_dump(mode="json", exclude={*other, "shards"})
    if spec.get("pooling") == POOLED:  # left out, so that results from before this key stay valid
        del spec["pooling"]
    return spec


def proxies(study: Study, group: Group, gen: str) -> dict[str, Any]:
    """The job of one proxy file: each k with its NORMpre and their seeds."""
    # one set for all seeds if they change nothing, so that a new seed does not rerun the job
    entry = GENERATORS.find(gen)
    seeded = entry.seeded or group.draws_samples
    spec = {
        **study.tasks[group.task].spec(),
        **_order(study, group.task),
        "shots": group.shots,
        "gen": gen,
        "seeds": {
            k: {norm: sorted(seeds) if seeded else [None] for norm, seeds in sorted(norms.items())}
            for k, norms in sorted(study.cells(group).proxy_seeds.get(gen, {}).items())
        },
    }
    if entry.needs_ls_lambda:
        spec["ls_lambda"] = study.config.fms[group.fm].ridge
    return spec


def evaluation(study: Study, group: Group) -> dict[str, Any]:
    """The job of one score file without its cells, which `imprint.study.cells.Cells.text` holds once for all jobs."""
    experiments = [study.config.experiments[name] for name in study.experiments_of[group]]
    spec = {
        **study.tasks[group.task].spec(),
        "datasets": study.tasks[group.task].datasets,
        "fm": group.fm,
        "shots": group.shots,
    }
    if any(experiment.per_class for experiment in experiments):
        spec["per_class"] = True
    extra = {name for experiment in experiments for name in experiment.all_extra_scores}
    if extra:
        spec["extra_scores"] = sorted(extra)
        spec["ls_lambda"] = study.config.fms[group.fm].ridge
    return spec


def collapse(study: Study, fm: str, task: str) -> dict[str, Any]:
    """The job of one collapse file."""
    return {**study.tasks[task].spec(), **_order(study, task), "fm": fm}


def _order(study: Study, task: str) -> dict[str, Any]:
    """The datasets of a task if it has several: their order decides its labels, and Snakemake compares inputs as a set."""
    datasets = study.tasks[task].datasets
    return {"datasets": datasets} if len(datasets) > 1 else {}
