"""Foundation models and their embeddings."""


def model_of(wildcards):
    """The weights or folder of an FM, and the images that it embeds; packaged weights have their hash in the code."""
    fm = study.config.fms[wildcards.fm]
    files = {
        "manifest": paths.manifest_file(results, wildcards.dataset),
        "images": download_of(wildcards.dataset),
    }
    if fm.makes_weights:
        files["weights"] = paths.weights_file(results, wildcards.fm)
    elif fm.users_weights:
        files["weights"] = fm.users_weights
    elif fm.users_folder:
        folder = Path(fm.users_folder)
        files["model"] = sorted(str(path) for path in folder.glob("*") if path.is_file())
    return files


def fm_module(fm):
    """The module that loads an FM, by its source."""
    return FM_SOURCES[study.config.fms[fm].source].__module__.removeprefix("imprint.")


def origin_of(wildcards, input, trains=False):
    """What a shared output is made from, by content. As a param that takes `input`, it does not rerun a job."""
    if not sharing:
        return None
    fm, manifest = study.config.fms[wildcards.fm], input.manifest
    root = inputs.roots(study.config)[Path(manifest).parent.name]
    weights = None if fm.users_weights else input.get("weights")
    return origin(
        dict(wildcards.items()), manifest=manifest, weights=weights, root=root, trains=trains
    )


rule weights:
    """Download the published weights of an FM; a change of code does not fetch them again."""
    input:
        newer=newer_if_outdated("weights"),
    output:
        weights=paths.weights_file(results, "{fm}"),
    log:
        "<logs>/weights/{fm}.log",
    wildcard_constraints:
        fm=fms_that(lambda fm: fm.fetches_weights),
    cache: sharing
    priority: 20
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=memory_mb(6000),
        runtime=minutes(60),
    params:
        spec=lambda w: canonical(specs.weights(study, w.fm)),
    message:
        "downloading the weights of {wildcards.fm}"
    script:
        "../scripts/weights.py"


rule pretrain:
    """Pre-train a small FM on the split `pretrain` of its dataset; one thread, so that weights are reproducible."""
    input:
        manifest=lambda w: paths.manifest_file(results, study.config.fms[w.fm].dataset),
        newer=newer_if_outdated("pretrain"),
    output:
        weights=paths.weights_file(results, "{fm}"),
    log:
        "<logs>/pretrain/{fm}.log",
    wildcard_constraints:
        fm=fms_that(lambda fm: fm.pretrains),
    cache: sharing
    priority: 10
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=memory_mb(3000),
        runtime=minutes(30),
    params:
        spec=lambda w: canonical(specs.pretraining(study, w.fm)),
        code=lambda w: code_of("pretrain", source_of(study.config.fms[w.fm].dataset)),
        origin=lambda w, input: origin_of(w, input, trains=True),
    message:
        "pre-training {wildcards.fm}"
    script:
        "../scripts/pretrain.py"


def embed_params(wildcards):
    """What embeddings depend on, besides their input files."""
    return {
        "fm": canonical(specs.embedding(study, wildcards.fm)),
        "dataset": canonical(specs.subset(study, wildcards.dataset)),
        "code": code_of("embed", fm_module(wildcards.fm), source_of(wildcards.dataset)),
    }


def shards_of(wildcards):
    """The files of the shards of a split; empty if it is embedded as a whole.

    Snakemake reruns a job when its set of input files changes. So existing embeddings keep the number of shards that they were
    made in, as another number gives the same embeddings. Shared outputs have no shards, which would be part of their key.
    """
    names = wildcards.fm, wildcards.dataset, wildcards.split
    file = paths.embeddings_file(study.root, *names)
    shards = 1 if sharing else study.config.fms[wildcards.fm].shards
    record = read_record(file) if file.exists() else None
    if file.is_symlink() and file.exists():  # to the cache of outputs
        shards = 1
    elif record and record.spec == spec_digest("embed", embed_params(wildcards)):
        shards = record.shards or shards
    if shards == 1:
        return []
    return [paths.shard_file(results, *names, shard + 1, shards) for shard in range(shards)]


rule embed_shard:
    """Rows of one shard of a split; `embed` joins the shards."""
    input:
        unpack(model_of),
    output:
        rows=temp(paths.shard_file(results, "{fm}", "{dataset}", "{split}", "{shard}", "{shards}")),
    log:
        "<logs>/embed_shard/{fm}/{dataset}/{split}/{shard}-of-{shards}.log",
    wildcard_constraints:
        fm=fms_that(lambda fm: fm.embeds_images),
        shard=r"\d+",
        shards=r"\d+",
    conda:
        "../../envs/torch.yaml"
    threads: specs.EMBED_THREADS
    resources:
        mem_mb=memory_mb(6000),
        runtime=minutes(240),
        roots=roots,
        compute=compute,
    params:
        fm=lambda w: embed_params(w)["fm"],
        dataset=lambda w: embed_params(w)["dataset"],
        code=lambda w: embed_params(w)["code"],
    message:
        "embedding {wildcards.dataset} ({wildcards.split}, shard {wildcards.shard} of {wildcards.shards}) by {wildcards.fm}"
    script:
        "../scripts/embed.py"


use rule embed_shard as embed with:
    """Embed one split of one dataset by one FM, or join its shards."""
    input:
        unpack(model_of),
        shards=shards_of,
        newer=newer_if_outdated("embed"),
    output:
        embeddings=paths.embeddings_file(results, "{fm}", "{dataset}", "{split}"),
    log:
        "<logs>/embed/{fm}/{dataset}/{split}.log",
    cache: sharing
    params:
        origin=origin_of,
    message:
        "embedding {wildcards.dataset} ({wildcards.split}) by {wildcards.fm}"


rule adopt:
    """Check embeddings that the user computed, and convert them to the format of `embed`."""
    input:
        embeddings=lambda w: study.config.fms[w.fm].file(w.dataset, w.split),
        newer=newer_if_outdated("adopt"),
    output:
        embeddings=paths.embeddings_file(results, "{fm}", "{dataset}", "{split}"),
    log:
        "<logs>/adopt/{fm}/{dataset}/{split}.log",
    wildcard_constraints:
        fm=fms_that(lambda fm: not fm.embeds_images),
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory_mb(3000),
        runtime=minutes(15),
    params:
        one_split=lambda w: study.config.fms[w.fm].has_file_per_split(w.dataset),
        class_count=lambda w: study.config.datasets[w.dataset].class_count,
        code=code_of("adopt", "store.given_embeddings"),
    message:
        "checking given embeddings of {wildcards.dataset} ({wildcards.split}) by {wildcards.fm}"
    script:
        "../scripts/adopt.py"
