"""Foundation models, and embeddings by them."""


def model_of(wildcards):
    """The weights or the folder of an FM, and the images that it embeds; packaged weights are told by their hash in the code."""
    fm = study.config.fms[wildcards.fm]
    files = {
        "manifest": paths.manifest_file(results, wildcards.dataset),
        "images": download_of(wildcards.dataset),
    }
    if fm.fetches_weights or fm.pretrains:
        files["weights"] = paths.weights_file(results, wildcards.fm)
    elif getattr(fm, "checkpoint", None):
        files["weights"] = fm.checkpoint
    elif fm.source == "timm":
        folder = Path(fm.model.removeprefix("local-dir:"))
        files["model"] = sorted(str(path) for path in folder.glob("*") if path.is_file())
    return files


def fm_module(fm):
    """The module that loads an FM, by its source."""
    return FM_SOURCES[study.config.fms[fm].source].__module__.removeprefix("imprint.")


def origin_of(wildcards, input, trains=False):
    """What a shared output is made from, by content. What asks for `input` is no reason to run a job again."""
    if not sharing:
        return None
    fm, manifest = study.config.fms[wildcards.fm], input.manifest
    root = inputs.roots(study.config)[Path(manifest).parent.name]
    weights = None if getattr(fm, "checkpoint", None) else input.get("weights")
    return origin(
        dict(wildcards.items()), manifest=manifest, weights=weights, root=root, trains=trains
    )


rule weights:
    """Download the published weights of an FM; no change of code is a reason to fetch them again."""
    output:
        weights=paths.weights_file(results, "{fm}"),
    log:
        "<logs>/weights/{fm}.log",
    wildcard_constraints:
        fm=one_of(inputs.fetched(study.config)),
    cache: sharing
    priority: 20
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow(6000),
        runtime=longer(60),
    params:
        spec=lambda w: canonical(specs.weights(study, w.fm)),
    script:
        "../scripts/weights.py"


rule pretrain:
    """Pre-train a small FM on the split `pretrain` of its dataset; one thread, so that it is the same everywhere."""
    input:
        manifest=lambda w: paths.manifest_file(results, study.config.fms[w.fm].dataset),
    output:
        weights=paths.weights_file(results, "{fm}"),
    log:
        "<logs>/pretrain/{fm}.log",
    wildcard_constraints:
        fm=one_of(inputs.pretrained(study.config)),
    cache: sharing
    priority: 10
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=longer(30),
    params:
        spec=lambda w: canonical(specs.pretraining(study, w.fm)),
        code=lambda w: code_of("pretrain", source_of(study.config.fms[w.fm].dataset)),
        origin=lambda w, input: origin_of(w, input, trains=True),
    script:
        "../scripts/pretrain.py"


rule embed:
    """Embeddings of one split of one dataset by one FM."""
    input:
        unpack(model_of),
    output:
        embeddings=paths.embeddings_file(results, "{fm}", "{dataset}", "{split}"),
    log:
        "<logs>/embed/{fm}/{dataset}/{split}.log",
    wildcard_constraints:
        fm=one_of(inputs.image_fms(study.config)),
    cache: sharing
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        mem_mb=grow(6000),
        runtime=longer(240),
        roots=roots,
        compute=compute,
    params:
        fm=lambda w: canonical(specs.embedding(study, w.fm)),
        dataset=lambda w: canonical(specs.subset(study, w.dataset)),
        code=lambda w: code_of("embed", fm_module(w.fm), source_of(w.dataset)),
        origin=origin_of,
    script:
        "../scripts/embed.py"


rule adopt:
    """Embeddings that the user computed, checked and put into the form of `embed`."""
    input:
        embeddings=lambda w: inputs.embeddings_file(study.config, w.fm, w.dataset, w.split),
    output:
        embeddings=paths.embeddings_file(results, "{fm}", "{dataset}", "{split}"),
    log:
        "<logs>/adopt/{fm}/{dataset}/{split}.log",
    wildcard_constraints:
        fm=one_of(inputs.adopted_fms(study.config)),
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=longer(15),
    params:
        code=code_of("adopt", "store.given_embeddings"),
    script:
        "../scripts/adopt.py"
