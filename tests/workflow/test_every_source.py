"""Every kind of FM and dataset through the workflow, offline: real code on stand-ins that the test writes."""

import io
import json
import re
import shutil
import tarfile

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imprint import ImprintingClassifier
from imprint.store.heads import read_head

pytestmark = pytest.mark.xdist_group("workflow")


def photographs(folder, per_class=8):
    """A folder of two classes of coloured squares, in several image modes, with one file that is no image."""
    rng = np.random.default_rng(0)
    for name, colour in (("cat", (200, 40, 40)), ("dog", (40, 40, 200))):
        (folder / name).mkdir(parents=True)
        for i in range(per_class):
            pixels = np.clip(np.array(colour) + rng.normal(0, 30, (40, 50, 3)), 0, 255).astype(
                "uint8"
            )
            image = Image.fromarray(pixels).convert(["RGB", "P", "RGBA", "CMYK"][i % 4])
            image.save(folder / name / f"{i}.{'jpg' if i % 4 == 3 else 'png'}")
    (folder / "dog" / "broken.png").write_bytes(b"this is no image")


def local_timm(folder):
    """A timm model in a folder, as timm's push to a hub leaves it."""
    import timm
    from safetensors.torch import save_file

    folder.mkdir()
    save_file(
        timm.create_model("test_resnet", num_classes=5).state_dict(), folder / "model.safetensors"
    )
    config = {
        "architecture": "test_resnet",
        "num_classes": 5,
        "pretrained_cfg": {"input_size": [3, 32, 32], "num_classes": 5},
    }
    (folder / "config.json").write_text(json.dumps(config))


def hub_cache(folder):
    """Weights of torchvision's resnet18 where its hub keeps them."""
    import torch
    from torchvision.models import ResNet18_Weights, resnet18

    checkpoints = folder / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(
        resnet18().state_dict(), checkpoints / ResNet18_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]
    )


def packed(folder):
    """The readable photographs in a shard of WebDataset."""
    with tarfile.open(folder / "images.tar", "w") as archive:
        for name in ("cat", "dog"):
            for path in sorted((folder / "images" / name).glob("?.*g")):
                content = path.read_bytes()
                for file, data in ((path.name, content), (f"{path.stem}.cls", name.encode())):
                    member = tarfile.TarInfo(f"{name}/{file}")
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))


def given_embeddings(folder):
    """Embeddings computed elsewhere: two NPZ files."""
    rng = np.random.default_rng(0)
    for split, n in (("train", 30), ("test", 20)):
        y = np.arange(n) % 2
        np.savez(
            folder / f"mine-{split}.npz",
            embeddings=(rng.normal(size=(n, 6)) + 6 * y[:, None] - 3).astype("f"),
            labels=y,
        )


def test_own_images_local_models_and_given_embeddings(empty, monkeypatch):
    photographs(empty.folder / "images")
    local_timm(empty.folder / "local")
    hub_cache(empty.folder / "torch")
    packed(empty.folder)
    given_embeddings(empty.folder)
    monkeypatch.setenv("TORCH_HOME", str(empty.folder / "torch"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with open(empty.folder / "table.csv", "w") as file:
        file.write("path,label,split\n")
        for name in ("cat", "dog"):
            file.writelines(
                f"images/{name}/{i}.{'jpg' if i % 4 == 3 else 'png'},{name},{'test' if i < 4 else 'train'}\n"
                for i in range(8)
            )
    config = {
        "datasets": {
            "folder": {"source": "imagefolder", "path": "images", "test_fraction": 0.5, "on_error": "skip"},
            "table": {"source": "csv", "path": "table.csv"},
            "mine": {"source": "embeddings", "class_count": 2},
            "shard": {"source": "webdataset", "path": "images.tar", "test_fraction": 0.5},
        },
        "fms": {
            "local": {"source": "timm", "model": "local-dir:local"},
            "resnet18": {"source": "torchvision", "model": "resnet18"},
            "mine": {"source": "embeddings", "files": {"mine": "mine-{split}.npz"}},
            "packaged": {"source": "package", "model": "tf_efficientnet_lite0", "input_size": 64},
        },
        "tasks": {name: {"datasets": name} for name in ("folder", "table", "mine", "shard")},
        "experiments": {
            "images": {"fms": "resnet18", "tasks": "table", "shots": 2, "presets": ["qi"], "save_heads": True, "tables": ["fms"]},
            "skipped": {"fms": "local", "tasks": "folder", "presets": ["qi"]},
            "given": {"fms": "mine", "tasks": "mine", "presets": ["qi"]},
            "packed": {"fms": "packaged", "tasks": "shard", "presets": ["qi"]},
        },
    }  # fmt: skip
    empty.configure(config)
    output = empty.snakemake("study")
    scores = pd.read_parquet(empty.folder / "results/scores.parquet")
    assert set(zip(scores["fm"], scores["task"], strict=True)) == {
        ("local", "folder"), ("resnet18", "table"), ("mine", "mine"), ("packaged", "shard"),
    }  # fmt: skip
    assert (scores.loc[scores["fm"] == "mine", "accuracy"] > 0.9).all()
    fms = pd.read_parquet(empty.folder / "results/fms.parquet").set_index("fm")
    assert fms["dimensions"].to_dict() == {
        "local": 96,
        "mine": 6,
        "packaged": 1280,
        "resnet18": 512,
    }
    assert fms.loc["resnet18", "parameters"] == 11_176_512  # 11,689,512 without the classifier
    of_images = fms.drop("mine")
    assert (of_images["images_per_second"] > 0).all() and (of_images["threads"] > 0).all()
    assert fms.loc["mine"].drop("dimensions").isna().all()
    ranked = pd.read_csv(empty.folder / "results/tables/images/fms.csv")
    assert set(ranked["FM"]) == {"resnet18"}

    embeddings = empty.folder / "results/embeddings"
    skipped = 0
    for split in ("train", "test"):
        with h5py.File(embeddings / f"local/folder/{split}.h5") as file:
            assert file["embeddings"].shape[1] == 96
            skipped += file.attrs["skipped"]
    assert skipped == 1
    assert re.search(r"1 of \d+ images could not be read and are skipped", output)
    with h5py.File(embeddings / "resnet18/table/test.h5") as file:
        assert file["embeddings"].shape == (8, 512)
        assert json.loads(file.attrs["class_names"]) == ["cat", "dog"]

    saved = empty.folder / "results/heads/images/resnet18/table/2.safetensors"
    head = read_head(saved)
    assert head.description["classes"] == ["cat", "dog"]
    assert head.description["samples"] == 4 == sum(head.description["class_counts"])
    with h5py.File(embeddings / "resnet18/table/test.h5") as file:
        predicted = ImprintingClassifier.load(saved).predict(file["embeddings"][:])
        right = (predicted == np.array(["cat", "dog"])[file["labels"][:]]).mean()
    assert right == head.description["accuracy"]

    # the weights that were fetched are the study's own from then on
    shutil.rmtree(empty.folder / "torch")
    (embeddings / "resnet18/table/test.h5").unlink()
    empty.snakemake("results/embeddings/resnet18/table/test.h5")
    assert head.description["fm"]["checkpoint"] == str(
        empty.folder.resolve() / "results/fms/resnet18.safetensors"
    )

    output = empty.imprint("predict", str(saved), "images/cat")
    assert len(output.splitlines()) == 1 + 8

    # one more photograph: that dataset is embedded anew, the others are not
    Image.new("RGB", (30, 30), (200, 40, 40)).save(empty.folder / "images/cat/new.png")
    planned = empty.planned("results/scores.parquet")
    assert planned["dataset"] == 1
    assert planned["embed"] == 2

    # a file that is no image stops the job where the configuration says so
    config["datasets"]["folder"]["on_error"] = "fail"
    empty.configure(config)
    output = empty.snakemake(
        "results/embeddings/local/folder/train.h5",
        "results/embeddings/local/folder/test.h5",
        succeeds=False,
    )
    assert "broken.png" in output
    assert "Traceback" not in output
