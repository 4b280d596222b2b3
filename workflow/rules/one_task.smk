"""Figures of one FM and task, and the data that they are drawn from."""


def with_images(wildcards):
    """The datasets of a task whose images a figure can show."""
    return shown.datasets_with_images(study, wildcards.fm, wildcards.task)


def manifests_of(wildcards):
    """The manifests of the datasets whose images a figure shows."""
    return [paths.manifest_file(results, dataset) for dataset in with_images(wildcards)]


def shown_proxies(wildcards):
    """The proxy files of the cells that figures of one FM and task may show."""
    group = shown.group(study, wildcards.experiment, wildcards.fm, wildcards.task)
    return proxies_of(group, shown.gens(study, wildcards.experiment))


def shown_cell_scores(wildcards):
    """The score files that figures of one FM and task choose their cell from."""
    return scores_of([shown.group(study, wildcards.experiment, wildcards.fm, wildcards.task)])


for name in FIGURES.names(shows_one_task=True):

    rule:
        """One figure of one FM and task: PNG and PDF."""
        name:
            f"figure_{name}"
        input:
            table=paths.figure_data_file(
                results, "{experiment}", "{fm}", "{task}", FIGURES[name].data
            ),
            manifests=manifests_of if FIGURES[name].needs_images else [],
            images=((lambda w: download_of(*with_images(w))) if FIGURES[name].needs_images else []),
            newer=newer_if_outdated(f"figure_{name}"),
        output:
            png=in_report(
                paths.figure_file(results, "{experiment}", f"{{fm}}/{{task}}/{name}", "png"),
                "figure",
                FIGURES[name],
                FM="{fm}",
                task="{task}",
            ),
            pdf=paths.figure_file(results, "{experiment}", f"{{fm}}/{{task}}/{name}", "pdf"),
        log:
            f"<logs>/figures/{{experiment}}/{{fm}}/{{task}}/{name}.log",
        conda:
            "../../envs/torch.yaml"
        resources:
            mem_mb=memory_mb(3000),
            runtime=minutes(10),
            roots=roots,
        params:
            figure=name,
            width=study.config.figure_width,
            # for the caption
            selection=lambda w: canonical(selections.selecting(study, w.experiment)),
            code=code_of("task_figure", FIGURES[name].module),
        message:
            f"figure {name} of {{wildcards.task}} on {{wildcards.fm}} for {{wildcards.experiment}}"
        script:
            "../scripts/task_figure.py"


rule tsne:
    """Positions in the plane for the test embeddings of one task and the proxies of the chosen cell."""
    input:
        scores=shown_cell_scores,
        train=embeddings_of("train"),
        test=embeddings_of("test"),
        proxies=shown_proxies,
        newer=newer_if_outdated("tsne"),
    output:
        table=paths.figure_data_file(results, "{experiment}", "{fm}", "{task}", "tsne"),
    log:
        "<logs>/tsne/{experiment}/{fm}/{task}.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(15),
    params:
        gens=lambda w: shown.gens(study, w.experiment),
        spec=lambda w: canonical(shown.cell(study, w.experiment, w.fm, w.task)),
        components=lambda w: components_of(shown.methods(study, w.experiment)),
        code=code_of("tsne"),
        component_codes=lambda w: component_codes_of(shown.methods(study, w.experiment)),
    message:
        "t-SNE of {wildcards.task} on {wildcards.fm} for {wildcards.experiment}"
    script:
        "../scripts/tsne.py"


rule samples:
    """Some training images of each class and dataset of one task."""
    input:
        train=embeddings_of("train"),
        newer=newer_if_outdated("samples"),
    output:
        table=paths.figure_data_file(results, "{experiment}", "{fm}", "{task}", "samples"),
    log:
        "<logs>/samples/{experiment}/{fm}/{task}.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(10),
    params:
        spec=lambda w: canonical(shown.samples(study, w.experiment, w.task)),
        code=code_of("samples"),
    message:
        "example images of {wildcards.task} on {wildcards.fm} for {wildcards.experiment}"
    script:
        "../scripts/samples.py"


rule predictions:
    """Predictions of the chosen cell for every test sample of one task, with the nearest proxies."""
    input:
        scores=shown_cell_scores,
        train=embeddings_of("train"),
        test=embeddings_of("test"),
        proxies=shown_proxies,
        newer=newer_if_outdated("predictions"),
    output:
        table=paths.figure_data_file(results, "{experiment}", "{fm}", "{task}", "predictions"),
    log:
        "<logs>/predictions/{experiment}/{fm}/{task}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=memory_mb(3000),
        runtime=minutes(10),
    params:
        gens=lambda w: shown.gens(study, w.experiment),
        spec=lambda w: canonical(shown.cell(study, w.experiment, w.fm, w.task)),
        components=lambda w: components_of(shown.methods(study, w.experiment)),
        code=code_of("predictions"),
        component_codes=lambda w: component_codes_of(shown.methods(study, w.experiment)),
    message:
        "predictions for {wildcards.task} on {wildcards.fm} in {wildcards.experiment}"
    script:
        "../scripts/predictions.py"
