"""Foundation models, and embeddings by them."""


def sources_of(wildcards):
    """What an FM's embeddings come from: images and its weights, or embeddings given."""
    fm = study.config.fms[wildcards.fm]
    if fm.source == "embeddings":
        return {"given": study.given(wildcards.fm, wildcards.dataset, wildcards.split)}
    sources = {
        "manifest": f"<results>/data/{wildcards.dataset}/manifest.json",
        "images": download_of(wildcards.dataset),
    }
    if wildcards.fm in study.fetched() + study.pretrained():
        sources["weights"] = f"<results>/fms/{wildcards.fm}.safetensors"
    elif fm.checkpoint:
        sources["weights"] = fm.checkpoint
    else:
        folder = Path(fm.model.removeprefix("local-dir:"))
        sources["model"] = sorted(str(path) for path in folder.glob("*") if path.is_file())
    return sources


def origin_of(wildcards, input, trains=False):
    """What a shared output is made from, by content. What asks for `input` is no reason to run a job again."""
    if not sharing:
        return None
    fm, manifest = study.config.fms[wildcards.fm], input.get("manifest")
    root = study.roots()[Path(manifest).parent.name] if manifest else None
    weights = None if getattr(fm, "checkpoint", None) else input.get("weights")
    return origin(dict(wildcards.items()), manifest=manifest, weights=weights, root=root, trains=trains)


rule weights:
    """Download the published weights of an FM; no change of code is a reason to fetch them again."""
    output:
        weights="<results>/fms/{fm}.safetensors",
    log:
        "<logs>/weights/{fm}.log",
    wildcard_constraints:
        fm=one_of(study.fetched()),
    cache: sharing
    priority: 20
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow(6000),
        runtime=longer(60),
    params:
        spec=lambda w: canonical(study.weights(w.fm)),
    script:
        "../scripts/weights.py"


rule pretrain:
    """Pre-train a small FM on the split `pretrain` of its dataset; one thread, so that it is the same everywhere."""
    input:
        manifest=lambda w: f"<results>/data/{study.config.fms[w.fm].dataset}/manifest.json",
    output:
        weights="<results>/fms/{fm}.safetensors",
    log:
        "<logs>/pretrain/{fm}.log",
    wildcard_constraints:
        fm=one_of(study.pretrained()),
    cache: sharing
    priority: 10
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=longer(30),
    params:
        spec=lambda w: canonical(study.pretraining(w.fm)),
        code=code_of("pretrain"),
        origin=lambda w, input: origin_of(w, input, trains=True),
    script:
        "../scripts/pretrain.py"


rule embed:
    """Embeddings of one split of one dataset by one FM."""
    input:
        unpack(sources_of),
    output:
        embeddings="<results>/embeddings/{fm}/{dataset}/{split}.h5",
    log:
        "<logs>/embed/{fm}/{dataset}/{split}.log",
    cache: sharing
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        mem_mb=grow(6000),
        runtime=longer(240),
    params:
        fm=lambda w: canonical(study.embedding(w.fm)),
        dataset=lambda w: canonical(study.subset(w.dataset)),
        code=code_of("embed"),
        origin=origin_of,
    script:
        "../scripts/embed.py"
