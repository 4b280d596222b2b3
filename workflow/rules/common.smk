"""Wildcards, and functions that several rules use."""

results = "<results>"

# Locations of data and devices are resources, not params, so that a change of them reruns nothing.
roots = canonical(inputs.roots(study.config))
compute = canonical(study.config.compute.model_dump(mode="json"))


def one_of(names):
    """A wildcard constraint: one of these names."""
    return "|".join(sorted(map(re.escape, map(str, set(names))))) or "(?!)"


def fms_that(fits):
    """A wildcard constraint: the FMs whose entries satisfy `fits`."""
    return one_of(name for name, fm in study.config.fms.items() if fits(fm))


wildcard_constraints:
    fm=one_of(study.config.fms),
    dataset=one_of(study.config.datasets),
    split="pretrain|train|test",
    task=one_of(study.tasks),
    shots=r"full|\d+",
    gen=one_of(gen for group in study.groups for gen in study.cells(group).proxy_seeds),
    agg=one_of(AGGREGATIONS),
    experiment=one_of(study.config.experiments),


def have_images_changed(wildcards):
    """Whether the images of a dataset have changed since it was prepared; a deleted download does not count."""
    downloads = Path(paths.downloads_folder(study.root, wildcards.dataset))
    if study.config.datasets[wildcards.dataset].is_downloaded and not downloads.exists():
        return False
    manifest = paths.manifest_file(study.root, wildcards.dataset)
    root = inputs.roots(study.config)[wildcards.dataset]
    return manifest.exists() and have_changed(manifest, root)


def newer_if_outdated(name, changed=lambda wildcards: False):
    """An input that reruns a job whose output is outdated, see `imprint.study.outdated`.

    For an outdated output it is a file that is newer than any output. Otherwise it is the same file with its time ignored,
    or no file if an additional input would itself rerun the job.

    name: the rule. changed: whether its output is outdated for another reason.
    """

    def file(wildcards):
        # the key of a shared output covers the content of all its inputs, and would change with this one
        if sharing and name in ("download", "dataset", "weights", "pretrain", "embed"):
            return []
        entry = getattr(rules, name)
        pattern = entry.output[0].replace(results, study.config.results)

        def spec():
            values = {
                key: value(wildcards) if callable(value) else value
                for key, value in entry.params.items()
                if key not in NOT_COUNTED
            }
            return spec_digest(name, values)

        output = pattern.format(**dict(wildcards.items()))
        if records.outdated(output, spec) or changed(wildcards):
            return records.trigger(output)
        if records.lacks(output):  # made while outputs were shared, without this input
            return []
        return ancient(records.newest_file)

    return file


def group_of(wildcards):
    """The FM, task and shots of a job."""
    return Group(wildcards.fm, wildcards.task, wildcards.shots)


def scores_of(groups):
    """The score files of some groups."""
    return [
        paths.scores_file(results, *group, agg)
        for group in groups
        for agg in study.cells(group).by_agg
    ]


def shown_scores(wildcards):
    """The score files of an experiment."""
    return scores_of(selections.groups_with_also(study, wildcards.experiment))


def shown_collapse(wildcards):
    """The collapse files of an experiment."""
    groups = selections.groups_with_also(study, wildcards.experiment)
    fm_tasks = dict.fromkeys((group.fm, group.task) for group in groups)
    return [paths.collapse_file(results, fm, task) for fm, task in fm_tasks]


def embeddings_of(split):
    """The embeddings of a task's datasets, in the task's order."""

    def files(wildcards):
        return [
            paths.embeddings_file(results, wildcards.fm, dataset, split)
            for dataset in study.tasks[wildcards.task].datasets
        ]

    return files


def embeddings_of_fms():
    """All embeddings of the study, those of an FM together."""
    files = [
        paths.embeddings_file(results, fm, dataset, split)
        for fm, task in study.fm_tasks()
        for dataset in study.tasks[task].datasets
        for split in SPLITS
    ]
    return sorted(set(files))


def proxies_of(group, gens):
    """The proxy files of some GENs, in their order."""
    return [paths.proxies_file(results, *group, gen) for gen in gens]


def download_of(*datasets):
    """The folders of the datasets that the workflow downloads; their times rerun nothing."""
    return [
        ancient(paths.downloads_folder(results, name))
        for name in datasets
        if study.config.datasets[name].is_downloaded
    ]


@cache
def code_of(script, *modules):
    """A param that reruns a rule when code that its numbers depend on changes, see `imprint.study.fingerprint`.

    modules: those that the rule's wildcards choose.
    """
    path = workflow.source_path(f"../scripts/{script}.py")
    return fingerprint(path, *(f"imprint.{module}" for module in modules))


def components_of(methods):
    """The user's files that a job loads to use some methods."""
    return job_components.files(study, job_components.of_methods(methods))


def component_codes_of(methods):
    """A param that reruns a rule when code of the components changes that score the proxies of some methods."""
    return canonical(job_components.codes(job_components.of_scoring(methods)))


def in_report(path, kind, entry, **labels):
    """A table or figure (`kind`) with its caption and title in Snakemake's own report."""
    shows = f"{kind.title()}: {entry.title}"
    return report(
        path,
        caption=f"../report/{kind}s/{entry.caption}.rst",
        category=entry.category,
        labels={"experiment": "{experiment}", **labels, "shows": shows},
    )


def blocks_of(wildcards, output):
    """The file that stores the finished parts of a job's output."""
    return str(blocks_file(study.root, output[0]))


@cache
def selection_of(experiment):
    """The rows that belong to an experiment."""
    return canonical(selections.selection(study, experiment))


def settings_of(names):
    """The settings of an experiment for a table or figure that takes these."""

    def settings(wildcards):
        return canonical(selections.settings(study, wildcards.experiment, names))

    return settings


@cache
def cores_per_job():
    """An equal share of all cores for each proxy file that does not exist when the jobs are planned."""
    files = (
        paths.proxies_file(study.root, *group, gen)
        for group in study.groups
        for gen in study.cells(group).gens
    )
    return workflow.cores // max(1, sum(not file.exists() for file in files))


def memory_mb(megabytes, copies=0, of=()):
    """Memory that doubles with each retry.

    copies, of: adds the size of so many copies of the embeddings in these inputs, as far as these exist. LARGE bytes count at
    most: larger embeddings are memory-mapped.
    """

    def memory(wildcards, input, attempt):
        files = (file for name in of for file in input[name])
        held = min(sum(os.path.getsize(file) for file in files if os.path.exists(file)), LARGE)
        return int(round(megabytes + copies * held / 1e6, -2)) * 2 ** (attempt - 1)

    return memory


def minutes(number):
    """Run time that doubles with each retry."""
    return lambda wildcards, attempt: number * 2 ** (attempt - 1)


def figures_of(name):
    """The pictures of an experiment; those of one FM and task are in folders of their own."""
    for figure in study.config.experiments[name].figures:
        for picture in page.pictures(study, name, figure):
            yield "/".join([*picture.values(), figure])


def shown_files(name):
    """The files that the report shows of an experiment: a CSV for each table, a PNG for each figure."""
    tables = [
        paths.table_file(results, name, t, "csv") for t in study.config.experiments[name].tables
    ]
    return tables + [paths.figure_file(results, name, f, "png") for f in figures_of(name)]


def captions_of(names):
    """The captions of the tables and figures of some experiments."""
    experiments = [study.config.experiments[name] for name in names]
    captions = [f"tables/{TABLES[name].caption}" for each in experiments for name in each.tables]
    captions += [
        f"figures/{FIGURES[name].caption}" for each in experiments for name in each.figures
    ]
    return [workflow.source_path(f"../report/{name}.rst") for name in dict.fromkeys(captions)]


def experiment_results(name):
    """Every table, figure and head of an experiment.

    Every file of a job is named, so that a deleted one is made again.
    """
    experiment, files = study.config.experiments[name], []
    for table in experiment.tables:
        files += [paths.table_file(results, name, table, s) for s in ("csv", "md", "tex", "html")]
    for figure in figures_of(name):
        files += [paths.figure_file(results, name, figure, s) for s in ("png", "pdf")]
    for group in selections.groups_with_heads(study, name):
        files += [paths.head_file(results, name, *group, s) for s in ("safetensors", "json")]
    return files


def study_results():
    """The files of the experiments, the explorer, and the collected scores."""
    files = [paths.all_scores(results), paths.all_collapse(results), paths.explorer_file(results)]
    return files + [file for name in study.config.experiments for file in experiment_results(name)]
