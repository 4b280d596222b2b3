"""Figures, and the report."""

for name, entry in FIGURES.items():

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
        threads: 1
        resources:
            mem_mb=grow(2000),
            runtime=longer(10),
        params:
            figure=name,
            selection=lambda w: selections[w.experiment]["digest"],
            code=code_of("figure"),
        script:
            "../scripts/figure.py"


rule report:
    """Tables, figures and run times on one page that opens offline."""
    input:
        study_results(),
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
