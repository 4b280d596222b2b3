"""Datasets on disk."""


rule download:
    """Download one published dataset. Checksums tell that it is right: no change of code is a reason to fetch it again."""
    output:
        folder=directory("<results>/downloads/{dataset}"),
    log:
        "<logs>/download/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(study.downloaded()),
    cache: sharing
    priority: 20
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow(2000),
        runtime=longer(240),
    params:
        spec=lambda w: canonical(study.data(w.dataset)),
    script:
        "../scripts/download.py"


rule dataset:
    """Make or check one dataset, and describe what is there."""
    input:
        lambda w: download_of(w.dataset),
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
