"""GEN: proxies of every class."""


def clusters_of(wildcards):
    """The proxy file whose clusters a GEN starts from, as kls does from those of kmeans."""
    gen = GENERATORS[wildcards.gen].clusters
    return proxies_of(group_of(wildcards), [gen] if gen else [])


def proxy_threads(wildcards):
    """Threads of a GEN: with idle cores, unless its result may depend on them as it sees all classes."""
    threads = study.config.compute.threads
    return threads if GENERATORS[wildcards.gen].sees_all_classes else max(threads, cores_per_job())


# groups of the same experiments share their cells
@cache
def components_of_proxies(cells, gen):
    """The user's files that a job loads to generate the proxies of some cells by a GEN."""
    return job_components.files(study, job_components.of_proxies(cells, gen))


@cache
def component_codes_of_proxies(cells, gen):
    """A param that reruns a rule when code of the GEN or of the NORMs before it changes."""
    return canonical(job_components.codes(job_components.of_proxies(cells, gen)))


rule proxies:
    """Proxies of every class by one GEN, for every k, seed, draw and NORMpre."""
    input:
        train=embeddings_of("train"),
        clusters=clusters_of,
        newer=newer_if_outdated("proxies"),
    output:
        proxies=paths.proxies_file(results, "{fm}", "{task}", "{shots}", "{gen}"),
    log:
        "<logs>/proxies/{fm}/{task}/{shots}/{gen}.log",
    conda:
        "../../envs/torch.yaml"
    threads: proxy_threads
    resources:
        mem_mb=memory_mb(2000, copies=3, of=["train"]),
        runtime=minutes(30),
        device=study.config.compute.generation_device,
    params:
        spec=lambda w: canonical(specs.proxies(study, group_of(w), w.gen)),
        components=lambda w: components_of_proxies(study.cells(group_of(w)), w.gen),
        code=code_of("proxies"),
        component_codes=lambda w: component_codes_of_proxies(study.cells(group_of(w)), w.gen),
        blocks=blocks_of,
        classes=str(class_fits_folder(study.root)),
    message:
        "proxies of {wildcards.task} on {wildcards.fm} by {wildcards.gen}, shots {wildcards.shots}"
    script:
        "../scripts/proxies.py"
