"""Datasets on disk."""


def source_of(dataset):
    """The module that reads a dataset, by its source."""
    return SOURCES[study.config.datasets[dataset].source].__module__.removeprefix("imprint.")


rule download:
    """Download one published dataset; a change of code does not fetch it again.

    Shared outputs hold it once, without Snakemake's `cache:`, which is not safe for a folder: of two runs that end at the
    same time, one would move its folder into that of the other.
    """
    input:
        newer=newer_if_outdated("download"),
    output:
        folder=directory(paths.downloads_folder(results, "{dataset}")),
    log:
        "<logs>/download/{dataset}.log",
    wildcard_constraints:
        dataset=one_of(name for name, entry in study.config.datasets.items() if entry.is_downloaded),
    priority: 20
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(240),
    params:
        spec=lambda w: canonical(specs.preparation(study, w.dataset)),
    message:
        "downloading dataset {wildcards.dataset}"
    script:
        "../scripts/download.py"


rule dataset:
    """Generate or check one dataset, and write its manifest."""
    input:
        lambda w: download_of(w.dataset),
        newer=newer_if_outdated("dataset", have_images_changed),
    output:
        manifest=paths.manifest_file(results, "{dataset}"),
    log:
        "<logs>/data/{dataset}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(60),
        roots=roots,
    params:
        spec=lambda w: canonical(specs.preparation(study, w.dataset)),
        code=lambda w: code_of("dataset", source_of(w.dataset)),
    message:
        "preparing dataset {wildcards.dataset}"
    script:
        "../scripts/dataset.py"
