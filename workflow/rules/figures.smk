"""Figures, and the report."""


def manifests_of(wildcards):
    """The datasets whose images a gallery shows."""
    return [
        f"<results>/data/{dataset}/manifest.json" for dataset in study.images_of(wildcards.fm, wildcards.task)
    ]


def of_one_task(name, entry):
    """PNG, for the report, of a figure of one FM and task."""
    return report(
        f"<results>/figures/{{experiment}}/{{fm}}/{{task}}/{name}.png",
        caption=f"../report/figures/{name}.rst",
        category=entry.category,
        labels={
            "experiment": "{experiment}",
            "FM": "{fm}",
            "task": "{task}",
            "shows": f"Figure: {entry.title}",
        },
    )


for name, entry in FIGURES.items():
    if entry.data == "scores":

        rule:
            """One figure of one experiment: PNG and PDF."""
            name:
                f"figure_{name}"
            input:
                scores="<results>/scores.parquet",
                collapse="<results>/collapse.parquet",
            output:
                png=report(
                    f"<results>/figures/{{experiment}}/{name}.png",
                    caption=f"../report/figures/{name}.rst",
                    category=entry.category,
                    labels={"experiment": "{experiment}", "shows": f"Figure: {entry.title}"},
                ),
                pdf=f"<results>/figures/{{experiment}}/{name}.pdf",
            log:
                f"<logs>/figures/{{experiment}}/{name}.log",
            group:
                "summary"
            conda:
                "../../envs/base.yaml"
            threads: 1
            resources:
                mem_mb=grow(2000),
                runtime=longer(10),
            params:
                figure=name,
                width=study.config.figure_width,
                selection=lambda w: selections[w.experiment]["digest"],
                code=code_of("figure"),
            script:
                "../scripts/figure.py"

    elif name != "gallery":

        rule:
            """One figure of one FM and task: PNG and PDF."""
            name:
                f"figure_{name}"
            input:
                table=f"<results>/figures/{{experiment}}/{{fm}}/{{task}}/{entry.data}.parquet",
            output:
                png=of_one_task(name, entry),
                pdf=f"<results>/figures/{{experiment}}/{{fm}}/{{task}}/{name}.pdf",
            log:
                f"<logs>/figures/{{experiment}}/{{fm}}/{{task}}/{name}.log",
            group:
                "summary"
            conda:
                "../../envs/base.yaml"
            threads: 1
            resources:
                mem_mb=grow(2000),
                runtime=longer(10),
            params:
                figure=name,
                width=study.config.figure_width,
                code=code_of("task_figure"),
            script:
                "../scripts/task_figure.py"


rule figure_gallery:
    """Test images of one task beside their nearest proxies: PNG and PDF."""
    input:
        table="<results>/figures/{experiment}/{fm}/{task}/predictions.parquet",
        manifests=manifests_of,
        images=lambda w: download_of(*study.images_of(w.fm, w.task)),
    output:
        png=of_one_task("gallery", FIGURES["gallery"]),
        pdf="<results>/figures/{experiment}/{fm}/{task}/gallery.pdf",
    log:
        "<logs>/figures/{experiment}/{fm}/{task}/gallery.log",
    group:
        "summary"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=longer(10),
    params:
        width=study.config.figure_width,
        code=code_of("gallery"),
    script:
        "../scripts/gallery.py"


rule tsne:
    """Places in the plane for the test embeddings of one task, from which its figure is drawn."""
    input:
        test=embeddings_of("test"),
    output:
        table="<results>/figures/{experiment}/{fm}/{task}/tsne.parquet",
    log:
        "<logs>/tsne/{experiment}/{fm}/{task}.log",
    group:
        "summary"
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=longer(15),
    params:
        spec=lambda w: canonical(study.embedded(w.experiment, w.task)),
        code=code_of("tsne"),
    script:
        "../scripts/tsne.py"


rule predictions:
    """Every test sample of one task as the chosen cell predicts it, with its nearest proxies."""
    input:
        scores="<results>/scores.parquet",
        train=embeddings_of("train"),
        test=embeddings_of("test"),
        proxies=lambda w: [
            f"<results>/proxies/{'/'.join(study.cell_group(w.experiment, w.fm, w.task))}/{gen}/k{k}.h5"
            for gen, k in study.cell_generations(w.experiment)
        ],
    output:
        table="<results>/figures/{experiment}/{fm}/{task}/predictions.parquet",
    log:
        "<logs>/predictions/{experiment}/{fm}/{task}.log",
    group:
        "summary"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=longer(10),
    params:
        generations=lambda w: study.cell_generations(w.experiment),
        spec=lambda w: canonical(study.cell(w.experiment, w.fm, w.task)),
        code=code_of("predictions"),
    script:
        "../scripts/predictions.py"


rule report:
    """Tables, figures and run times on one page that opens offline."""
    input:
        study_results(),
        summary="<results>/summary.txt",
        style=workflow.source_path("../report/style.css"),
    output:
        html="<results>/report.html",
    log:
        "<logs>/report.log",
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=longer(15),
    script:
        "../scripts/report.py"
