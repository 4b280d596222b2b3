"""Files that are not valid weights are refused, and a file of weights sets nothing but weights."""

import resource

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet18

from imprint.errors import UserError
from imprint.fm.checkpoints import fill, read_facts, read_state, save
from imprint.fm.models import load


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (torch.zeros_like, "all values are equal"),
        (torch.ones_like, "all values are equal"),
        (lambda weights: (10 * weights).to(torch.int8), "hold integers"),
        (lambda weights: weights * torch.nan, "NaN"),
    ],
)
def test_weights_that_no_training_makes_are_refused(change, message):
    state = {key: change(value) for key, value in model().state_dict().items()}
    with pytest.raises(UserError, match=message):
        fill(model(), state, "w.pth")


def test_weights_of_half_precision_fit():
    state = {key: value.half() for key, value in model().state_dict().items()}
    target = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    fill(target, state, "w.pth")
    filled = target.state_dict()
    assert filled.keys() == state.keys()
    for key, value in state.items():
        assert torch.equal(filled[key], value.float())


def test_facts_come_back_without_the_seal(tmp_path):
    save(tmp_path / "w.safetensors", model().state_dict(), {"model": "net"})
    assert read_facts(tmp_path / "w.safetensors") == {"model": "net"}
    assert set(read_state(tmp_path / "w.safetensors")) == set(model().state_dict())


@pytest.mark.parametrize(
    ("architecture", "arguments", "message"),
    [
        ("test_resnet", {"checkpoint_path": "other.pth"}, "sets checkpoint_path for timm"),
        ("hf-hub:some/model", {}, "sets the model hf-hub:some/model for timm"),
    ],
)
def test_a_file_of_weights_hands_timm_no_other_weights(tmp_path, architecture, arguments, message):
    name = "hf-hub:org/net"
    recipe = {"architecture": architecture, "config": {}, "arguments": arguments}
    facts = {"source": "timm", "model": name, "timm": recipe}
    save(tmp_path / "w.safetensors", model().state_dict(), facts)
    with pytest.raises(UserError, match=message):
        load("timm", name, checkpoint=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty or cut off"), ({1: torch.zeros(2)}, "holds no state dict")],
)
def test_files_without_a_state_dict_are_refused(tmp_path, content, message):
    path = tmp_path / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=message):
        read_state(path)


@pytest.mark.parametrize(
    ("source", "name", "weights"), [("torchvision", "resnet18", 512), ("timm", "test_resnet", 0)]
)
def test_a_classifier_that_is_no_matrix_is_refused(tmp_path, source, name, weights):
    rows = torch.zeros(weights) if weights else torch.tensor(3.0)
    body = timm.create_model(name).state_dict() if source == "timm" else resnet18().state_dict()
    key = [key for key in body if key.endswith("weight")][-1]
    torch.save(body | {key: rows}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"not \(classes, size of the embedding\)"):
        load(source, name, checkpoint=tmp_path / "w.pth")


def test_a_full_disk_is_named_and_leaves_no_file(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    state = {"weight": torch.ones(2**16)}
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**12, limits[1]))
    try:
        with pytest.raises(UserError, match=r"w\.safetensors cannot be written .*File too large"):
            save(tmp_path / "w.safetensors", state, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["[]", "{", "3"])
def test_metadata_of_another_program_are_no_facts(tmp_path, text):
    save_file({"x": torch.ones(1)}, tmp_path / "w.safetensors", {"imprint": text})
    assert read_facts(tmp_path / "w.safetensors") == {}
