"""Datasets on disk."""


rule dataset:
    """Make, check or download one dataset, and describe what is there."""
    output:
        manifest="<results>/data/{dataset}/manifest.json",
    log:
        "<logs>/data/{dataset}.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=longer(60),
    params:
        spec=lambda w: canonical(study.data(w.dataset)),
        code=code_of("dataset"),
    script:
        "../scripts/dataset.py"
