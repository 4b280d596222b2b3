"""Foundation models, and embeddings by them."""


def weights_of(wildcards):
    """The file of an FM's weights, where it is one: pre-trained here, or a checkpoint of the user's."""
    fm = study.config.fms[wildcards.fm]
    if fm.source == "pretrained":
        return f"<results>/fms/{wildcards.fm}.safetensors"
    return fm.checkpoint or []


rule pretrain:
    """Pre-train a small FM on the split `pretrain` of its dataset; one thread, so that it is the same everywhere."""
    input:
        manifest=lambda w: f"<results>/data/{study.config.fms[w.fm].dataset}/manifest.json",
    output:
        weights="<results>/fms/{fm}.safetensors",
    log:
        "<logs>/pretrain/{fm}.log",
    priority: 10
    threads: 1
    resources:
        mem_mb=grow(3000),
        runtime=longer(30),
    params:
        spec=lambda w: canonical(study.pretraining(w.fm)),
        code=fingerprint("imprint.fm.pretrain"),
    script:
        "../scripts/pretrain.py"


rule embed:
    """Embeddings of one split of one dataset by one FM."""
    input:
        manifest="<results>/data/{dataset}/manifest.json",
        weights=weights_of,
    output:
        embeddings="<results>/embeddings/{fm}/{dataset}/{split}.h5",
    log:
        "<logs>/embed/{fm}/{dataset}/{split}.log",
    threads: 2
    resources:
        mem_mb=grow(6000),
        runtime=longer(240),
    params:
        fm=lambda w: canonical(study.embedding(w.fm)),
        dataset=lambda w: canonical(study.subset(w.dataset)),
        code=fingerprint("imprint.fm.extract", "imprint.fm.models", "imprint.data.sources"),
    script:
        "../scripts/embed.py"
