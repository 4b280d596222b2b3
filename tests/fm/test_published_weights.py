"""Published weights become one file that needs no hub; what cannot be fetched says where to put it."""

import json
import shutil

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from imprint.errors import UserError
from imprint.fm import models


def hub(folder, name, **files):
    """A model in the folder of Hugging Face's client, as it leaves one that it downloaded."""
    snapshot = folder / f"models--{name.replace('/', '--')}" / "snapshots" / "0123"
    (snapshot.parents[1] / "refs").mkdir(parents=True)
    (snapshot.parents[1] / "refs" / "main").write_text("0123")
    snapshot.mkdir(parents=True)
    for file, content in files.items():
        if file == "config":
            (snapshot / "config.json").write_text(json.dumps(content))
        else:
            save_file(content, snapshot / "model.safetensors")


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    """A folder as hubs leave it after downloads: two models of timm, one of Hugging Face and one of torchvision."""
    from torchvision import models as theirs

    folder = tmp_path_factory.mktemp("downloads")
    for name in ("mobilenetv3_small_050.lamb_in1k", "repvit_m0_9.dist_300e_in1k"):
        timms = timm.create_model(name.partition(".")[0])
        hub(folder, timm.get_pretrained_cfg(name).hf_hub_id, weights=timms.state_dict())
    config = {
        "architecture": "test_vit",
        "num_classes": 3,
        "model_args": {"class_token": False, "global_pool": "avg"},
    }
    config["pretrained_cfg"] = {
        "input_size": [3, 64, 64],
        "fixed_input_size": True,
        "mean": [0.1, 0.2, 0.3],
    }
    model = timm.create_model(
        "test_vit", img_size=64, num_classes=3, class_token=False, global_pool="avg"
    )
    hub(folder, "me/mine", config=config, weights=model.state_dict())
    file = theirs.get_weight("ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1").url.rpartition("/")[2]
    (folder / "checkpoints").mkdir()
    torch.save(theirs.shufflenet_v2_x0_5().state_dict(), folder / "checkpoints" / file)
    return folder


@pytest.fixture
def kept(downloads, tmp_path, monkeypatch):
    """A copy of the downloads in the folder where hubs look for them; there is no network."""
    import huggingface_hub.constants

    folder = shutil.copytree(downloads, tmp_path / "kept")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(folder))
    monkeypatch.setattr("imprint.data.retries.PAUSES", (0, 0))
    return folder


@pytest.mark.parametrize(
    "published",
    [
        {"source": "timm", "model": "mobilenetv3_small_050.lamb_in1k"},
        {"source": "timm", "model": "repvit_m0_9.dist_300e_in1k"},  # with a second head
        {"source": "timm", "model": "hf-hub:me/mine"},
        {"source": "timm", "model": "hf-hub:me/mine", "input_size": 32},
        {"source": "torchvision", "model": "shufflenet_v2_x0_5", "weights": "IMAGENET1K_V1"},
    ],
    ids=lambda published: "-".join(map(str, published.values())),
)
def test_published_weights_are_one_file_that_needs_no_hub(published, kept, tmp_path):
    direct = models.load(**published)
    where = {name: value for name, value in published.items() if name != "input_size"}
    models.fetch(tmp_path / "one.safetensors", **where)
    models.fetch(tmp_path / "two.safetensors", **where)
    assert (tmp_path / "one.safetensors").read_bytes() == (
        tmp_path / "two.safetensors"
    ).read_bytes()
    shutil.rmtree(kept)
    with pytest.raises(UserError, match="could not be loaded"):
        models.fetch(tmp_path / "three.safetensors", **where)
    fetched = models.load(**published, checkpoint=tmp_path / "one.safetensors")
    assert fetched.identity == direct.identity
    assert fetched.transform == direct.transform
    np.testing.assert_array_equal(fetched.fm_classifier, direct.fm_classifier)
    images = torch.rand(2, 3, *direct.transform.size)
    with torch.inference_mode():
        torch.testing.assert_close(fetched(images), direct(images), atol=0, rtol=0)


def test_weights_that_cannot_be_fetched_say_where_to_put_them(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    monkeypatch.setattr("imprint.fm.hubs.refusal", lambda url: "")
    monkeypatch.setattr("imprint.fm.torchvision_models.refusal", lambda url: "")
    monkeypatch.setattr("imprint.data.retries.PAUSES", (0, 0))
    with pytest.raises(UserError, match=r"(?s)no route.*put https://.*checkpoints"):
        models.load("torchvision", "shufflenet_v2_x0_5")
    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(
        UserError,
        match=r"no route.*timm/resnet18\.tv_in1k/resolve/main/model\.safetensors.*as checkpoint",
    ):
        models.load("timm", "resnet18.tv_in1k")
