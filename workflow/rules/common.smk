"""Wildcards, and the files that several rules read, by name."""


def one_of(names):
    """A wildcard constraint: one of these names."""
    return "|".join(sorted(map(re.escape, map(str, set(names))))) or "(?!)"


wildcard_constraints:
    fm=one_of(study.config.fms),
    dataset=one_of(study.config.datasets),
    split="pretrain|train|test",
    task=one_of(study.tasks),
    shots=r"full|\d+",
    gen=one_of(gen for group in study.groups for gen, _ in study.generations(group)),
    k=r"all|auto|\d+",
    agg="max|mnn",
    experiment=one_of(study.config.experiments),


def embeddings_of(split):
    """The embeddings of a task's datasets, in the task's order."""

    def files(wildcards):
        return [
            f"<results>/embeddings/{wildcards.fm}/{dataset}/{split}.h5"
            for dataset in study.datasets_of(wildcards.task)
        ]

    return files


def download_of(*datasets):
    """The folders of those of these datasets that the workflow downloads; their times are no reason to run anything."""
    return [ancient(f"<results>/downloads/{name}") for name in datasets if name in study.downloaded()]


def code_of(script, own=None):
    """What reruns a rule when its code changes: a fingerprint of its script, the library it uses, a file of the user's."""
    return fingerprint(Path(workflow.basedir) / "workflow" / "scripts" / f"{script}.py", own)


def group_of(wildcards):
    return wildcards.fm, wildcards.task, wildcards.shots


def with_idle_cores(wildcards):
    """Threads of a job: on this machine also the cores that no other job asks for, such as those of a lone new k.

    For rules alone whose results do not depend on it. Snakemake asks when the job is ready to be run.
    """
    jobs = 0
    if workflow.is_main_process and workflow.local_exec and workflow.scheduler:
        jobs = len(workflow.scheduler.running) + len(workflow.dag.ready_jobs)
    return max(study.config.compute.threads, workflow.cores // jobs if jobs else 1)


def grow(megabytes):
    """Memory that doubles with each retry."""
    return lambda wildcards, attempt: megabytes * 2 ** (attempt - 1)


def longer(minutes):
    """Run time that doubles with each retry."""
    return lambda wildcards, attempt: minutes * 2 ** (attempt - 1)


def figures_of(name):
    """The figures of an experiment; those of one FM and task lie in folders of their own."""
    places = ["/".join(group[:2]) for group in study.cell_groups(name)]
    for figure in study.config.experiments[name].figures:
        yield from [figure] if FIGURES[figure].data == "scores" else [f"{place}/{figure}" for place in places]


def study_results():
    """Every table and figure that the experiments ask for, and the collected scores."""
    files = ["<results>/scores.parquet", "<results>/collapse.parquet"]
    for name, experiment in study.config.experiments.items():
        # every file of a job, so that any that is gone is made again
        files += [
            f"<results>/tables/{name}/{t}.{kind}"
            for t in experiment.tables
            for kind in ("csv", "md", "tex", "html")
        ]
        files += [f"<results>/figures/{name}/{f}.{kind}" for f in figures_of(name) for kind in ("png", "pdf")]
        for group in study.heads(name):
            files += [f"<results>/heads/{name}/{'/'.join(group)}.{kind}" for kind in ("safetensors", "json")]
    return files
