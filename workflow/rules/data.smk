"""Datasets on disk."""


rule download:
    """Download one published dataset; no change of code is a reason to fetch it again.

    Where outputs are shared it lies once, which Snakemake's `cache:` cannot do for a folder: of two runs that end at the
    same time one would move its folder into that of the other.
    """
    output:
        folder=directory("<results>/downloads/{dataset}"),
    log:
        "<logs>/download/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(study.downloaded()),
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
