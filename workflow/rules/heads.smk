"""The best heads of an experiment."""


rule head:
    """The best head of an experiment on one FM and task, ready to use."""
    input:
        scores=lambda w: scores_of([group_of(w)]),
        train=embeddings_of("train"),
        proxies=lambda w: proxies_of(group_of(w), study.cells(group_of(w)).gens),
        newer=newer_if_outdated("head"),
    output:
        head=paths.head_file(results, "{experiment}", "{fm}", "{task}", "{shots}", "safetensors"),
        about=paths.head_file(results, "{experiment}", "{fm}", "{task}", "{shots}", "json"),
    log:
        "<logs>/heads/{experiment}/{fm}/{task}-{shots}.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory_mb(3000),
        runtime=minutes(10),
    params:
        gens=lambda w: study.cells(group_of(w)).gens,
        groups=lambda w: canonical(study.tasks[w.task].draws[0]),
        grid=lambda w: canonical(selections.grid_of(study, w.experiment, [group_of(w)])),
        checkpoint=lambda w: inputs.checkpoint(study.config, w.fm),
        components=lambda w: components_of(study.methods[w.experiment]),
        code=code_of("head", "store.heads"),
        component_codes=lambda w: component_codes_of(study.methods[w.experiment]),
    message:
        "best head of {wildcards.experiment} for {wildcards.task} on {wildcards.fm}, shots {wildcards.shots}"
    script:
        "../scripts/head.py"
