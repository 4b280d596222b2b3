"""The report, a page for each experiment, and Snakemake's own report underneath."""

page_parts = [
    workflow.source_path(f"../report/{name}") for name in ("page.css", "page.js", "glossary.rst")
]


rule report:
    """Tables and figures of all experiments on one page that opens offline."""
    input:
        [shown_files(name) for name in study.config.experiments],
        captions_of(study.config.experiments),
        page_parts,
        template=workflow.source_path("../report/page.html"),
        opening=paths.report_text(results),
        explorer=ancient(paths.explorer_file(results)),
        newer=newer_if_outdated("report"),
    output:
        html=paths.report_file(results),
    log:
        "<logs>/report.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        results=study.config.results,
        page=lambda w: canonical(page.content(study, study.config.experiments)),
        code=code_of("report"),
    message:
        "the report"
    script:
        "../scripts/report.py"


use rule report as experiment_report with:
    """Tables and figures of one experiment on one page that opens offline."""
    input:
        lambda w: shown_files(w.experiment),
        lambda w: captions_of([w.experiment]),
        page_parts,
        template=workflow.source_path("../report/page.html"),
        newer=newer_if_outdated("experiment_report"),
    output:
        html=paths.experiment_report_file(results, "{experiment}"),
    log:
        "<logs>/reports/{experiment}.log",
    params:
        page=lambda w: canonical(page.content(study, [w.experiment])),
    message:
        "report of {wildcards.experiment}"


rule workflow_report:
    """Snakemake's own report: rules, run times, software."""
    input:
        study_results(),
        paths.summary_file(results),
        style=workflow.source_path("../report/style.css"),
        newer=newer_if_outdated("workflow_report"),
    output:
        html=paths.workflow_report_file(results),
    log:
        "<logs>/workflow-report.log",
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(15),
    message:
        "Snakemake's own report"
    script:
        "../scripts/workflow_report.py"


for name in study.config.experiments:

    rule:
        """One experiment: its tables, figures and heads, and a page that shows them."""
        name:
            name
        input:
            experiment_results(name),
            paths.experiment_report_file(results, name),
        localrule: True
        message:
            f"experiment {name}"
