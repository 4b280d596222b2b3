import json
import os
import pickle

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from imprint.errors import UserError
from imprint.fm import models
from imprint.fm.compute import Batched
from imprint.fm.embedder import Embedder
from imprint.fm.transforms import Transform


@pytest.fixture(scope="module")
def trained():
    """A small model that stands for one with weights: 7 classes, 96 features."""
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=7).eval()


@pytest.fixture
def batch():
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def load(path, **changes):
    return models.load("timm", "test_resnet", checkpoint=path, input_size=32, **changes)


def saved(folder, state, form):
    if form == "safetensors":
        save_file(state, folder / "w.safetensors")
        return folder / "w.safetensors"
    wrapped = {
        "pth": state,
        "pt": {"state_dict": {f"module.{key}": value for key, value in state.items()}, "epoch": 3},
        "bin": {"model": state},
    }[form]
    torch.save(wrapped, folder / f"w.{form}")
    return folder / f"w.{form}"


@pytest.mark.parametrize("form", ["safetensors", "pth", "pt", "bin"])
def test_the_embedding_is_what_the_classifier_sees(trained, batch, tmp_path, form):
    embedder = load(saved(tmp_path, trained.state_dict(), form))
    with torch.inference_mode():
        x = embedder(batch)
        assert x.shape == (4, 96) == (4, embedder.dim)
        logits = x @ torch.from_numpy(embedder.fm_classifier).T + trained.fc.bias
        torch.testing.assert_close(logits, trained(batch), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["w.pth.tar", "w.ckpt", "w.PTH"])
def test_files_of_torch_are_read_whatever_their_usual_name(trained, tmp_path, name):
    torch.save({"state_dict": trained.state_dict()}, tmp_path / name)
    assert load(tmp_path / name).dim == 96


def test_the_identity_is_of_the_weights_not_of_the_file(trained, tmp_path):
    state = trained.state_dict()
    hashes = {
        load(saved(tmp_path, state, form)).identity["weights_sha256"]
        for form in ("safetensors", "pt")
    }
    assert len(hashes) == 1
    other = {key: value.clone() for key, value in state.items()}
    other["conv1.0.weight"][0, 0, 0, 0] += 1e-3
    assert load(saved(tmp_path, other, "pth")).identity["weights_sha256"] not in hashes


def test_a_checkpoint_without_a_classifier_is_enough(trained, tmp_path):
    state = {key: value for key, value in trained.state_dict().items() if not key.startswith("fc.")}
    embedder = load(saved(tmp_path, state, "pth"))
    assert embedder.fm_classifier is None
    assert embedder.dim == 96


def test_keys_that_do_not_match_are_an_error_not_random_weights(trained, tmp_path):
    state = trained.state_dict()
    renamed = {f"encoder.{key}": value for key, value in state.items()}
    with pytest.raises(UserError, match=r"missing.*\n.*encoder\.conv1"):
        load(saved(tmp_path, renamed, "pth"))
    lacking = {key: value for key, value in state.items() if key != "layer1.0.bn1.weight"}
    with pytest.raises(
        UserError, match=r"1 of \d+ keys of the model are missing: layer1.0.bn1.weight$"
    ):
        load(saved(tmp_path, lacking, "pth"))
    with pytest.raises(UserError, match="a different shape"):
        models.load(
            "timm",
            "test_resnet",
            checkpoint=saved(tmp_path, {**state, "bn1.weight": torch.ones(3)}, "pth"),
        )


def test_unusable_checkpoints_are_named(tmp_path):
    path = tmp_path / "w.pth"
    with pytest.raises(UserError, match="does not exist"):
        load(path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="cannot be read"):
        load(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(UserError, match="no state dict"):
        load(path)
    (tmp_path / "w.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="safetensors"):
        load(tmp_path / "w.safetensors")
    (tmp_path / "w.h5").write_bytes(b"")
    with pytest.raises(UserError, match=r"\.h5"):
        load(tmp_path / "w.h5")


def test_an_embedder_cannot_be_put_into_training(trained, batch, tmp_path):
    embedder = load(saved(tmp_path, trained.state_dict(), "pth"))
    before = embedder(batch)
    embedder.train()
    torch.testing.assert_close(embedder(batch), before, atol=0, rtol=0)
    assert not any(p.requires_grad for p in embedder.parameters())


def test_one_image_does_not_depend_on_the_others(trained, batch, tmp_path):
    embedder = load(saved(tmp_path, trained.state_dict(), "pth"))
    torch.testing.assert_close(embedder(batch)[:1], embedder(batch[:1]), atol=1e-5, rtol=1e-5)


def test_the_embedding_of_a_head_with_a_hidden_layer_is_after_it(tmp_path):
    model = timm.create_model("mobilenetv3_small_050", num_classes=5)
    torch.save(model.state_dict(), tmp_path / "w.pth")
    embedder = models.load(
        "timm", "mobilenetv3_small_050", checkpoint=tmp_path / "w.pth", input_size=32
    )
    assert model.num_features != model.head_hidden_size
    assert embedder.dim == model.head_hidden_size
    assert embedder.fm_classifier.shape == (5, embedder.dim)


def test_settings_of_the_model_and_changes_to_them(trained, tmp_path):
    path = saved(tmp_path, trained.state_dict(), "pth")
    transform = models.load("timm", "test_resnet", checkpoint=path).transform
    assert (transform.size, transform.resize, transform.fit) == ((160, 160), (168, 168), "center")
    whole = load(path).transform
    assert (whole.size, whole.resize, whole.fit) == ((32, 32), (32, 32), "squash")
    changed = load(
        path, crop_mode="border", crop_pct=0.5, mean=(0.1, 0.2, 0.3), interpolation="bicubic"
    ).transform
    assert (changed.size, changed.resize, changed.fit) == ((32, 32), (64, 64), "border")
    assert changed.mean == (0.1, 0.2, 0.3)
    assert changed.std == transform.std
    with pytest.raises(UserError, match="'cubic'"):
        load(path, interpolation="cubic")


def test_transformers_take_another_input_size_on_request(tmp_path):
    model = timm.create_model("test_vit", img_size=32, num_classes=3)
    torch.save(model.state_dict(), tmp_path / "w.pth")
    embedder = models.load("timm", "test_vit", checkpoint=tmp_path / "w.pth", input_size=32)
    assert embedder(torch.zeros(2, 3, 32, 32)).shape == (2, embedder.dim)
    with pytest.raises(UserError, match="pos_embed"):
        models.load("timm", "test_vit", checkpoint=tmp_path / "w.pth", input_size=64)


@pytest.mark.parametrize("classes", [1000, 3])
def test_a_checkpoint_may_have_a_second_classifier_for_distillation(classes, tmp_path):
    torch.manual_seed(0)
    model = timm.create_model("repvit_m0_9", num_classes=classes)
    torch.save(model.state_dict(), tmp_path / "w.pth")
    embedder = models.load("timm", "repvit_m0_9", checkpoint=tmp_path / "w.pth", input_size=32)
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = model.eval().forward_head(model.forward_features(x), pre_logits=True)
        torch.testing.assert_close(embedder(x), features, atol=1e-4, rtol=1e-4)


def test_models_with_convolutions_over_three_dimensions_are_run(tmp_path):
    model = timm.create_model("lambda_resnet26t", num_classes=3)
    torch.save(model.state_dict(), tmp_path / "w.pth")
    embedder = models.load("timm", "lambda_resnet26t", checkpoint=tmp_path / "w.pth", input_size=64)
    batched = Batched(embedder, torch.device("cpu"), "float32")
    pixels = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    assert batched(pixels).shape == (2, embedder.dim)


def test_names_that_are_not_there_are_answered():
    with pytest.raises(UserError, match="resnet18"):
        models.load("timm", "resnet8")
    with pytest.raises(UserError, match="tv_in1k"):
        models.load("timm", "resnet18")
    with pytest.raises(UserError, match="a1_in1k"):
        models.load("timm", "resnet18.imagenet")
    with pytest.raises(UserError, match="IMAGENET1K_V1"):
        models.load("torchvision", "resnet18", weights="IMAGENET")
    with pytest.raises(UserError, match="resnet8"):
        models.load("torchvision", "resnet8")
    with pytest.raises(UserError, match="timm"):
        models.load("hub", "resnet18")
    with pytest.raises(UserError, match="needs a model name"):
        models.load("timm")


def test_torchvision_weights_from_the_hub_cache(batch, tmp_path, monkeypatch):
    from torchvision import models as theirs

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    entry = theirs.get_weight("ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1")
    model = theirs.shufflenet_v2_x0_5().eval()
    file = tmp_path / "checkpoints" / entry.url.rpartition("/")[2]
    file.parent.mkdir()
    torch.save(model.state_dict(), file)
    embedder = models.load("torchvision", "shufflenet_v2_x0_5", weights="IMAGENET1K_V1")
    with torch.inference_mode():
        logits = embedder(batch) @ torch.from_numpy(embedder.fm_classifier).T + model.fc.bias
        torch.testing.assert_close(logits, model(batch), atol=1e-4, rtol=1e-4)
    spec = embedder.transform
    assert (spec.size, spec.resize, spec.fit) == ((224, 224), (256, 256), "center")
    np.testing.assert_allclose(spec.mean, entry.transforms().mean)

    mine = {**model.state_dict(), "fc.weight": torch.ones(5, 1024), "fc.bias": torch.zeros(5)}
    torch.save(mine, tmp_path / "mine.pth")
    other = models.load("torchvision", "shufflenet_v2_x0_5", checkpoint=tmp_path / "mine.pth")
    np.testing.assert_array_equal(other.fm_classifier, np.ones((5, 1024)))
    assert other.identity["weights_sha256"] == embedder.identity["weights_sha256"]


def test_a_folder_as_timm_saves_models(trained, batch, tmp_path):
    config = {
        "architecture": "test_resnet",
        "num_classes": 7,
        "pretrained_cfg": {"input_size": [3, 32, 32]},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(trained.state_dict(), tmp_path / "model.safetensors")
    embedder = models.load("timm", f"local-dir:{tmp_path}")
    assert embedder.transform.size == (32, 32)
    with torch.inference_mode():
        logits = embedder(batch) @ torch.from_numpy(embedder.fm_classifier).T + trained.fc.bias
        torch.testing.assert_close(logits, trained(batch), atol=1e-5, rtol=1e-5)
    with pytest.raises(UserError, match=r"(?s)could not be loaded.*config\.json"):
        models.load("timm", f"local-dir:{tmp_path / 'nowhere'}")
    renamed = {f"encoder.{key}": value for key, value in trained.state_dict().items()}
    save_file(renamed, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="conv1"):
        models.load("timm", f"local-dir:{tmp_path}")


def test_a_folder_of_a_transformer_takes_another_size(tmp_path):
    config = {"architecture": "test_vit", "num_classes": 3}
    config["pretrained_cfg"] = {"input_size": [3, 64, 64], "fixed_input_size": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = timm.create_model("test_vit", img_size=64, num_classes=3)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    for size in (None, 32):
        embedder = models.load("timm", f"local-dir:{tmp_path}", input_size=size)
        side = size or 64
        assert embedder.transform.size == (side, side)
        assert embedder(torch.zeros(1, 3, side, side)).shape == (1, 64)


class Bomb:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_never_executed(tmp_path, monkeypatch):
    from torchvision import models as theirs

    goal = tmp_path / "executed"
    bomb = {"conv1.0.weight": torch.zeros(1), "more": Bomb(goal)}
    torch.save(bomb, tmp_path / "w.pth")
    with pytest.raises(UserError, match="plain tensors"):
        load(tmp_path / "w.pth")
    (tmp_path / "w.pt").write_bytes(pickle.dumps(bomb, protocol=2))
    with pytest.raises(UserError, match="plain tensors"):
        load(tmp_path / "w.pt")

    (tmp_path / "config.json").write_text(json.dumps({"architecture": "test_resnet"}))
    torch.save(bomb, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="could not be loaded"):
        models.load("timm", f"local-dir:{tmp_path}")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    file = (
        tmp_path
        / "checkpoints"
        / theirs.get_weight("SqueezeNet1_1_Weights.DEFAULT").url.rpartition("/")[2]
    )
    file.parent.mkdir()
    torch.save(bomb, file)
    with pytest.raises(UserError, match="could not be loaded"):
        models.load("torchvision", "squeezenet1_1")
    assert not goal.exists()
    torch.load(tmp_path / "w.pth", weights_only=False)
    assert goal.exists(), "torch itself runs the pickle if asked to"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state, other: {"state_dict": other, "state_dict_ema": state},
        lambda state, other: {
            "model": other,
            "model_ema": {f"module.{k}": v for k, v in state.items()},
        },
        lambda state, other: {
            "model": {f"_orig_mod.module.{k}": v for k, v in state.items()},
            "epoch": 3,
        },
        lambda state, other: {
            "n_averaged": torch.tensor(5),
            **{f"module.{k}": v for k, v in state.items()},
        },
        lambda state, other: {
            "state_dict": {f"model.{k}": v for k, v in state.items()},
            "args": __import__("argparse").Namespace(lr=0.1),
        },
    ],
)
def test_weights_are_found_in_what_training_programs_wrap_around_them(trained, tmp_path, wrap):
    state = trained.state_dict()
    torch.save(state, tmp_path / "plain.pth")
    other = {key: torch.zeros_like(value) for key, value in state.items()}
    torch.save(wrap(state, other), tmp_path / "wrapped.pth")
    identities = [load(tmp_path / f"{name}.pth").identity for name in ("plain", "wrapped")]
    assert identities[0] == identities[1]


@pytest.mark.parametrize(
    ("name", "dim", "size"),
    [
        ("squeezenet1_1", 512, 64),
        ("mobilenet_v3_small", 1024, 32),
        ("densenet121", 1024, 32),
        ("googlenet", 1024, 64),
        ("mnasnet0_5", 1280, 32),
        ("vit_b_16", 768, 32),
    ],
)
def test_torchvision_models_of_every_kind_from_a_checkpoint(name, dim, size, tmp_path):
    from torchvision import models as theirs

    options = {"image_size": size} if name == "vit_b_16" else {}
    if name == "googlenet":
        options = {"transform_input": True, "init_weights": False, "aux_logits": False}
    model = theirs.get_model(name, weights=None, **options).eval()
    state = model.state_dict()
    if name == "densenet121":  # as torchvision's own file has them
        state = {
            key.replace("norm1", "norm.1").replace("conv2", "conv.2"): v for key, v in state.items()
        }
    torch.save(state, tmp_path / "w.pth")
    embedder = models.load("torchvision", name, checkpoint=tmp_path / "w.pth", input_size=size)
    assert embedder.dim == dim
    assert embedder.fm_classifier.shape == (1000, dim)
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        if name in ("densenet121", "googlenet", "vit_b_16"):
            head = [m for m in model.modules() if isinstance(m, torch.nn.Linear)][-1]
            torch.testing.assert_close(head(embedder(x)), model(x), atol=1e-4, rtol=1e-4)
        elif name == "squeezenet1_1":
            pooled = model.features(x).mean((2, 3))
            torch.testing.assert_close(embedder(x), pooled, atol=1e-5, rtol=1e-4)


def test_models_that_do_not_classify_are_refused():
    with pytest.raises(UserError, match="does not classify images"):
        models.load("torchvision", "fasterrcnn_resnet50_fpn")
    with pytest.raises(UserError, match="does not classify images"):
        models.load("torchvision", "r3d_18")


def test_an_embedding_of_another_size_than_the_classifier_takes_is_refused():
    transform = Transform((8, 8), (8, 8))
    body = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    with pytest.raises(UserError, match="gives 3 features, its classifier takes 5"):
        Embedder(body, transform, {"model": "pool"}, dim=5)
