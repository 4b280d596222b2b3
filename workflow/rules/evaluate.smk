"""NORM and AGG: scores of the proxies."""


rule evaluate:
    """Scores of every proxy set of a task under one AGG; every NORM, distance, weighting and m inside."""
    input:
        train=embeddings_of("train"),
        test=embeddings_of("test"),
        proxies=lambda w: [
            f"<results>/proxies/{w.fm}/{w.task}/{w.shots}/{gen}/k{k}.h5"
            for gen, k in study.generations(group_of(w), w.agg)
        ],
    output:
        scores="<results>/scores/{fm}/{task}/{shots}/{agg}.parquet",
    log:
        "<logs>/evaluate/{fm}/{task}/{shots}/{agg}.log",
    group:
        "task"
    conda:
        "../../envs/torch.yaml"
    threads: study.config.compute.threads
    resources:
        mem_mb=grow(3000),
        runtime=longer(60),
    params:
        spec=lambda w: canonical(study.evaluation(group_of(w), w.agg)),
        generations=lambda w: study.generations(group_of(w), w.agg),
        code=code_of("evaluate"),
    script:
        "../scripts/evaluate.py"
