"""GEN: proxies of every class."""

from imprint.generate import GENERATORS


def clusters_of(wildcards):
    """The proxy file whose clusters a GEN starts from, as kls does from those of kmeans."""
    gen = GENERATORS[wildcards.gen].clusters
    w = wildcards
    return f"<results>/proxies/{w.fm}/{w.task}/{w.shots}/{gen}/k{w.k}.h5" if gen else []


rule proxies:
    """Proxies of every class by one GEN and k; seeds, draws and NORMpre inside."""
    input:
        train=embeddings_of("train"),
        clusters=clusters_of,
    output:
        proxies="<results>/proxies/{fm}/{task}/{shots}/{gen}/k{k}.h5",
    log:
        "<logs>/proxies/{fm}/{task}/{shots}/{gen}-k{k}.log",
    group:
        "task"
    conda:
        "../../envs/base.yaml"
    threads: lambda w: study.config.compute.threads if GENERATORS[w.gen].sees_all_classes else with_idle_cores(w)
    resources:
        mem_mb=grow(2000),
        runtime=longer(30),
    params:
        spec=lambda w: canonical(study.proxies(group_of(w), w.gen, w.k)),
        code=lambda w: code_of("proxies", GENERATORS[w.gen].file),
    script:
        "../scripts/proxies.py"
