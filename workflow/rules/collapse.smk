"""Neural collapse."""


rule collapse:
    """NC1, VCI and their parts for a task's training and test embeddings, one row for each draw and split."""
    input:
        train=embeddings_of("train"),
        test=embeddings_of("test"),
        newer=newer_if_outdated("collapse"),
    output:
        collapse=paths.collapse_file(results, "{fm}", "{task}"),
    log:
        "<logs>/collapse/{fm}/{task}.log",
    conda:
        "../../envs/base.yaml"
    threads: study.config.compute.threads
    resources:
        mem_mb=memory_mb(2000, copies=2, of=["train", "test"]),
        runtime=minutes(15),
    params:
        spec=lambda w: canonical(specs.collapse(study, w.fm, w.task)),
        code=code_of("collapse"),
        blocks=blocks_of,
    message:
        "neural collapse of {wildcards.task} on {wildcards.fm}"
    script:
        "../scripts/collapse.py"
