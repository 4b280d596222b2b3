"""Results of all jobs collected, and a summary of them."""


rule scores:
    """Every cell of the study: one row for each configuration, task, draw and seed."""
    input:
        files=scores_of(study.groups),
        newer=newer_if_outdated("scores"),
    output:
        table=paths.all_scores(results),
    log:
        "<logs>/scores.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(10),
    params:
        groups=canonical(study.groups),
        code=code_of("collect"),
    message:
        "collecting all scores"
    script:
        "../scripts/collect.py"


use rule scores as collapses with:
    """Neural collapse of every FM and task."""
    input:
        files=[paths.collapse_file(results, fm, task) for fm, task in study.fm_tasks()],
        newer=newer_if_outdated("collapses"),
    output:
        table=paths.all_collapse(results),
    log:
        "<logs>/collapses.log",
    params:
        groups=canonical(study.fm_tasks()),
    message:
        "collecting neural collapse of all tasks"


rule fms:
    """Every FM: its size, and its speed where it was measured."""
    input:
        files=embeddings_of_fms(),
        newer=newer_if_outdated("fms"),
    output:
        table=paths.all_fms(results),
    log:
        "<logs>/fms.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        files=canonical(list(map(str, embeddings_of_fms()))),
        code=code_of("fms"),
    message:
        "collecting sizes and speeds of FMs"
    script:
        "../scripts/fms.py"


rule summary:
    """A few lines on what was run and which methods won, for the top of the report."""
    input:
        scores=paths.all_scores(results),
        collapse=paths.all_collapse(results),
        template=workflow.source_path("../report/report.rst"),
        newer=newer_if_outdated("summary"),
    output:
        summary=paths.summary_file(results),
        report=paths.report_text(results),
    log:
        "<logs>/summary.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(10),
    params:
        overview=canonical(page.overview(study)),
        code=code_of("summary"),
    message:
        "summarising the study"
    script:
        "../scripts/summary.py"
