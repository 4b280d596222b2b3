"""Figures, and the report."""

for name, entry in FIGURES.items():

    rule:
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
                labels={"experiment": "{experiment}", "figure": entry.title},
            ),
            pdf=f"<results>/figures/{{experiment}}/{name}.pdf",
        log:
            f"<logs>/figures/{{experiment}}/{name}.log",
        threads: 1
        resources:
            mem_mb=grow(2000),
            runtime=longer(10),
        params:
            figure=name,
            selection=lambda w: canonical(study.selection(w.experiment)),
            code=fingerprint("imprint.plots", "imprint.grid.tidy"),
        script:
            "../scripts/figure.py"


rule report:
    """Tables, figures and run times on one page that opens offline."""
    input:
        study_results(),
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
