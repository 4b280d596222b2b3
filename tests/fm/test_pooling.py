"""What of a transformer's last layer is the embedding."""

import shlex

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from imprint import cli
from imprint.errors import UserError
from imprint.estimator.fm_choice import FMChoice
from imprint.fm import models
from imprint.fm.embedder import TimmTokens
from imprint.store.embeddings import read_embeddings


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights of timm's smallest transformer."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(timm.create_model("test_vit", num_classes=5).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def tokens(weights):
    """The model itself and its tokens, (4, 1 + patches, 64), of a batch."""
    model = timm.create_model("test_vit", num_classes=5, checkpoint_path=str(weights)).eval()
    batch = torch.randn(4, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        x = model.patch_embed(batch)
        x = model.norm(model.blocks(model.norm_pre(model._pos_embed(x))))
    return model, batch, x


def load(path, **options):
    return models.load("timm", "test_vit", checkpoint=path, **options)


def test_each_pooling_is_what_its_name_says(weights, tokens):
    model, batch, x = tokens
    expected = {
        "pooled": model.forward_head(x, pre_logits=True),
        "class_token": x[:, 0],
        "class_token+patches": torch.cat([x[:, 0], x[:, 1:].mean(dim=1)], dim=1),
    }
    for pooling, embeddings in expected.items():
        embedder = load(weights, pooling=pooling)
        with torch.inference_mode():
            torch.testing.assert_close(embedder(batch), embeddings)
        assert embedder.dim == embeddings.shape[1]
        assert (embedder.fm_classifier is None) == (embedder.dim != 64)
        assert embedder.identity.get("pooling", "pooled") == pooling
    assert "pooling" not in load(weights).identity, "identities from before there was a choice"


def test_registers_are_no_patches_and_the_final_norm_may_be_behind_the_average():
    torch.manual_seed(0)
    batch = torch.randn(2, 3, 160, 160)
    registers = timm.create_model("test_vit", num_classes=0, reg_tokens=3).eval()
    averaging = timm.create_model("test_vit", num_classes=0, global_pool="avg").eval()
    torch.nn.init.normal_(averaging.fc_norm.weight)
    with torch.inference_mode():
        x = registers.forward_features(batch)
        both = torch.cat([x[:, 0], x[:, 4:].mean(dim=1)], dim=1)
        torch.testing.assert_close(TimmTokens(registers, with_patches=True)(batch), both)
        class_token = averaging.fc_norm(averaging.forward_features(batch)[:, 0])
        torch.testing.assert_close(TimmTokens(averaging, with_patches=False)(batch), class_token)


def test_models_without_a_class_token_are_refused_by_name(tmp_path):
    for name in ("test_resnet", "test_vit2"):  # a CNN; a transformer with registers alone
        save_file(timm.create_model(name).state_dict(), tmp_path / "w.safetensors")
        with pytest.raises(UserError, match=f"{name} has no class token.*'class_token'"):
            models.load("timm", name, checkpoint=tmp_path / "w.safetensors", pooling="class_token")
    for source, name in (("torchvision", "vit_b_16"), ("package", "tf_efficientnet_lite0")):
        with pytest.raises(UserError, match=f"'{source}', such as {name}, have only 'pooled'"):
            models.load(source, name, pooling="class_token")
    with pytest.raises(UserError, match=r"unknown pooling 'class_tokens'.*did you mean"):
        models.load("timm", "test_vit", pooling="class_tokens")


def test_a_head_keeps_its_pooling_and_refuses_others(weights, tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    for name in ("dark", "light"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(0, 100, (20, 20, 3)) + 150 * (name == "light")
            Image.fromarray(pixels.astype("uint8")).save(tmp_path / f"photos/{name}/{i}.png")
    monkeypatch.chdir(tmp_path)

    def imprint(command, code=0):
        with pytest.raises(SystemExit) as ended:
            cli.main(shlex.split(command))
        output = capsys.readouterr()
        assert ended.value.code == code, output.err
        return output.err if code else output.out

    fm = f"--fm test_vit --checkpoint {weights} --device cpu"
    both = "--pooling class_token+patches"
    imprint(f"fit photos -o head.safetensors {fm} {both} --method qi")
    rows = imprint("predict head.safetensors photos --device cpu").splitlines()[1:]
    assert len(rows) == 8
    imprint(f"embed photos -o both.h5 {fm} {both}")
    imprint(f"embed photos -o token.h5 {fm} --pooling class_token")
    imprint(f"embed photos -o plain.h5 {fm}")
    assert read_embeddings("both.h5").provenance["pooling"] == "class_token+patches"
    assert imprint("predict head.safetensors both.h5").splitlines()[1:] == rows
    for file in ("token.h5", "plain.h5"):
        assert "pooling" in imprint(f"predict head.safetensors {file}", code=2)
    imprint("fit plain.h5 -o plain.safetensors --method qi")
    imprint("predict plain.safetensors plain.h5")
    # of the same size, so that only its name tells it
    assert "pooling pooled, not class_token" in imprint(
        "predict plain.safetensors token.h5", code=2
    )
    assert "pooling" in imprint(
        "predict head.safetensors photos --device cpu --pooling class_token", code=2
    )


def test_the_pooling_of_a_recorded_fm_is_that_of_the_head_unless_another_is_named(weights):
    recorded = {
        "source": "timm",
        "model": "test_vit",
        "checkpoint": str(weights),
        "pooling": "class_token+patches",
    }
    assert FMChoice().load(recorded)[0].dim == 128
    assert FMChoice(pooling="pooled").load(recorded)[0].dim == 64
    assert FMChoice(fm="test_vit", checkpoint=weights).load(recorded)[0].dim == 64
