"""Collected results, their tables, and the best heads."""


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
        mem_mb=grow(2000),
        runtime=longer(10),
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
        mem_mb=grow(1000),
        runtime=longer(10),
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
        mem_mb=grow(2000),
        runtime=longer(10),
    params:
        overview=canonical(page.overview(study)),
        code=code_of("summary"),
    message:
        "summarising the study"
    script:
        "../scripts/summary.py"


for name, entry in TABLES.items():

    rule:
        """One table of one experiment: CSV, Markdown, LaTeX and HTML."""
        name:
            f"table_{name}"
        input:
            scores=shown_scores,
            collapse=shown_collapse,
            fms=[paths.all_fms(results)] if entry.needs_fms else [],
            newer=newer_if_outdated(f"table_{name}"),
        output:
            csv=paths.table_file(results, "{experiment}", name, "csv"),
            markdown=paths.table_file(results, "{experiment}", name, "md"),
            latex=paths.table_file(results, "{experiment}", name, "tex"),
            html=report(
                paths.table_file(results, "{experiment}", name, "html"),
                caption=f"../report/tables/{entry.caption}.rst",
                category=entry.category,
                labels={"experiment": "{experiment}", "shows": f"Table: {entry.title}"},
            ),
        log:
            f"<logs>/tables/{{experiment}}/{name}.log",
        conda:
            "../../envs/base.yaml"
        resources:
            mem_mb=grow(2000),
            runtime=longer(10),
        params:
            table=name,
            selection=lambda w: selection_of(w.experiment),
            settings=settings_of(entry.settings),
            code=code_of("table", entry.module),
        message:
            f"table {name} of {{wildcards.experiment}}"
        script:
            "../scripts/table.py"


rule head:
    """The best head of an experiment on one FM and task, ready to use."""
    input:
        scores=lambda w: scores_of([group_of(w)]),
        train=embeddings_of("train"),
        proxies=lambda w: proxies_of(group_of(w), study.cells(group_of(w)).gens),
        newer=newer_if_outdated("head"),
    output:
        head=paths.head_file(results, "{experiment}", "{fm}", "{task}", "{shots}", "safetensors"),
        about=paths.head_file(results, "{experiment}", "{fm}", "{task}", "{shots}", "json"),
    log:
        "<logs>/heads/{experiment}/{fm}/{task}-{shots}.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grow(3000),
        runtime=longer(10),
    params:
        gens=lambda w: study.cells(group_of(w)).gens,
        groups=lambda w: canonical(study.tasks[w.task].draws[0]),
        grid=lambda w: canonical(selections.grid_of(study, w.experiment, [group_of(w)])),
        checkpoint=lambda w: inputs.checkpoint(study.config, w.fm),
        components=lambda w: job_components.files(
            study, job_components.of_methods(study.methods[w.experiment])
        ),
        code=code_of("head", "store.heads"),
        component_codes=lambda w: component_codes_of(study.methods[w.experiment]),
    message:
        "best head of {wildcards.experiment} for {wildcards.task} on {wildcards.fm}, shots {wildcards.shots}"
    script:
        "../scripts/head.py"
