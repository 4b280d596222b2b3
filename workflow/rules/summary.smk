"""All results in one place, and tables of them."""


rule scores:
    """Every cell of the study: one row for each configuration, task, draw and seed."""
    input:
        [
            f"<results>/scores/{fm}/{task}/{shots}/{agg}.parquet"
            for fm, task, shots in study.groups
            for agg in study.aggregations((fm, task, shots))
        ],
    output:
        table="<results>/scores.parquet",
    log:
        "<logs>/scores.log",
    group:
        "summary"
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=longer(10),
    params:
        code=code_of("collect"),
    script:
        "../scripts/collect.py"


rule collapses:
    """Neural collapse of every FM and task."""
    input:
        [f"<results>/collapse/{fm}/{task}.parquet" for fm, task in study.fm_tasks()],
    output:
        table="<results>/collapse.parquet",
    log:
        "<logs>/collapses.log",
    group:
        "collapse"
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=grow(1000),
        runtime=longer(10),
    params:
        code=code_of("collect"),
    script:
        "../scripts/collect.py"


rule summary:
    """In a few lines, what was run and what won: the report opens with them."""
    input:
        scores="<results>/scores.parquet",
        collapse="<results>/collapse.parquet",
    output:
        text="<results>/summary.txt",
    log:
        "<logs>/summary.log",
    group:
        "summary"
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=longer(10),
    params:
        code=code_of("summary"),
    script:
        "../scripts/summary.py"


for name in TABLES:

    rule:
        """One table of one experiment: CSV, Markdown, LaTeX, and HTML for the report."""
        name:
            f"table_{name}"
        input:
            scores="<results>/scores.parquet",
            collapse="<results>/collapse.parquet",
        output:
            csv=f"<results>/tables/{{experiment}}/{name}.csv",
            markdown=f"<results>/tables/{{experiment}}/{name}.md",
            latex=f"<results>/tables/{{experiment}}/{name}.tex",
            html=report(
                f"<results>/tables/{{experiment}}/{name}.html",
                caption=f"../report/tables/{name}.rst",
                category=TABLES[name].category,
                labels={"experiment": "{experiment}", "shows": f"Table: {TABLES[name].title}"},
            ),
        log:
            f"<logs>/tables/{{experiment}}/{name}.log",
        group:
            "summary"
        conda:
            "../../envs/base.yaml"
        threads: 1
        resources:
            mem_mb=grow(2000),
            runtime=longer(10),
        params:
            table=name,
            selection=lambda w: selections[w.experiment]["digest"],
            code=code_of("table"),
        script:
            "../scripts/table.py"


rule head:
    """The best head of one FM and task among those of an experiment, ready to use."""
    input:
        scores="<results>/scores.parquet",
        train=embeddings_of("train"),
        proxies=lambda w: [
            f"<results>/proxies/{w.fm}/{w.task}/{w.shots}/{gen}/k{k}.h5"
            for gen, k in study.generations(group_of(w))
        ],
    output:
        head="<results>/heads/{experiment}/{fm}/{task}/{shots}.safetensors",
        about="<results>/heads/{experiment}/{fm}/{task}/{shots}.json",
    log:
        "<logs>/heads/{experiment}/{fm}/{task}-{shots}.log",
    group:
        "summary"
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=longer(10),
    params:
        generations=lambda w: study.generations(group_of(w)),
        groups=lambda w: canonical(study.tasks[w.task].draws[0]),
        selection=lambda w: selections[w.experiment]["digest"],
        code=code_of("head"),
    script:
        "../scripts/head.py"
