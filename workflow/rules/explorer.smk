"""The page on which all scores can be explored."""


rule explorer:
    """Charts and a grid of all scores on one page that opens offline."""
    input:
        scores=paths.all_scores(results),
        collapse=paths.all_collapse(results),
        template=workflow.source_path("../report/explore.html"),
        glossary=workflow.source_path("../report/glossary.rst"),
        newer=newer_if_outdated("explorer"),
    output:
        html=paths.explorer_file(results),
    log:
        "<logs>/explorer.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(10),
    params:
        code=code_of("explore"),
        blocks=blocks_of,
    message:
        "page to explore all scores"
    script:
        "../scripts/explore.py"
