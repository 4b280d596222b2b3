"""NORM and AGG: scores of the proxies."""


def cells_of(wildcards):
    """The cells of a score file."""
    return study.cells(group_of(wildcards)).by_agg[wildcards.agg]


# groups of the same experiments share their cells
@cache
def components_of_cells(cells):
    """The user's files that a job loads to score some cells."""
    return components_of(cells.seeds)


@cache
def component_codes_of_cells(cells):
    """A param that reruns a rule when code of the components changes that score some cells."""
    return component_codes_of(cells.seeds)


rule evaluate:
    """Scores of every proxy set of a task under one AGG, for every NORM, distance, weighting and m."""
    input:
        train=embeddings_of("train"),
        test=embeddings_of("test"),
        proxies=lambda w: proxies_of(group_of(w), cells_of(w).gens),
        newer=newer_if_outdated("evaluate"),
    output:
        scores=paths.scores_file(results, "{fm}", "{task}", "{shots}", "{agg}"),
    log:
        "<logs>/evaluate/{fm}/{task}/{shots}/{agg}.log",
    conda:
        "../../envs/torch.yaml"
    threads: study.config.compute.threads
    resources:
        mem_mb=memory_mb(3000, copies=2, of=["train", "test"]),
        runtime=minutes(60),
        device=study.config.compute.scoring_device,
    params:
        spec=lambda w: canonical(specs.evaluation(study, group_of(w))),
        cells=lambda w: cells_of(w).text,
        gens=lambda w: cells_of(w).gens,
        components=lambda w: components_of_cells(cells_of(w)),
        code=code_of("evaluate"),
        component_codes=lambda w: component_codes_of_cells(cells_of(w)),
        blocks=blocks_of,
    message:
        "scoring {wildcards.task} on {wildcards.fm} by {wildcards.agg}, shots {wildcards.shots}"
    script:
        "../scripts/evaluate.py"
