"""Heads as modules of torch, and in ONNX, predict as the estimator."""

import json
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import imprint
from imprint import ImprintingClassifier
from imprint.errors import UserError
from imprint.estimator.export_check import embedding_samples
from imprint.estimator.fm_choice import FMChoice
from imprint.method.normalize import NORMS, normalization
from tests.estimator.examples import (
    FM,
    TEST,
    X,
    Y,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*classes have fewer than k")


LINEAR = [
    {"gen": "mean"},
    {"gen": "ls", "norm_inf": "none", "norm_post": "none"},
    {"gen": "mean", "distance": "cosine"},
    {"gen": "mean", "distance": "euclidean", "norm_post": "none", "norm_inf": "none"},
    {"gen": "mean", "distance": "euclidean", "agg": "mnn"},
    {"gen": "mean", "norm_post": "quantile"},
]


BEST = [
    {"gen": "kmeans", "k": 3},
    {"gen": "all", "distance": "cosine", "norm_pre": "none", "norm_inf": "none"},
    {
        "gen": "fps",
        "k": 40,
        "agg": "mnn",
        "distance": "euclidean",
        "norm_post": "none",
        "norm_pre": "none",
    },
    {"gen": "mean", "distance": "euclidean", "norm_post": "none"},
    {"gen": "kls", "k": 3, "distance": "euclidean", "norm_inf": "none"},
]


FITTED = [
    {"method": "lda"},
    {"method": "whiten"},
    {
        "gen": "mean",
        "norm_pre": "center",
        "norm_inf": "center",
        "norm_post": "none",
        "distance": "cosine",
    },
    {
        "gen": "kmeans",
        "k": 3,
        "norm_pre": "l2+whiten+l2",
        "norm_inf": "l2+whiten+l2",
        "norm_post": "none",
        "distance": "euclidean",
    },
    {
        "gen": "mean",
        "norm_pre": "center+l2",
        "norm_inf": "center+l2",
        "norm_post": "whiten",
        "distance": "euclidean",
    },
]


@pytest.mark.parametrize("method", FITTED, ids=str)
@pytest.mark.parametrize("scale", [1, 1e30])
@torch.no_grad()
def test_fitted_norms_are_part_of_the_module(method, scale):
    model = ImprintingClassifier(**method, random_state=0).fit(X * scale, Y)
    x = torch.from_numpy(TEST * np.float32(scale))
    ordered, exact = (model.to_torch(exact=exact)(x).numpy() for exact in (False, True))
    np.testing.assert_array_equal(model.classes_[ordered.argmax(axis=1)], model.predict(x))
    expected = model.class_scores(x)
    np.testing.assert_allclose(exact, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@torch.no_grad()
def test_distances_keep_their_digits_far_from_the_origin():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(5), 20)
    x = (1000 + rng.normal(size=(100, 50)) + rng.normal(size=(5, 50))[y]).astype(np.float32)
    for method in ({"method": "lda"}, {"method": "janson"}, {"method": "janson", "gen": "all"}):
        model = ImprintingClassifier(**method).fit(x, y)
        for queries in (x, (x + x[::-1]) / 2):
            scores = model.to_torch(exact=True)(torch.from_numpy(queries)).numpy()
            np.testing.assert_allclose(scores, model.class_scores(queries), atol=2e-2)


@pytest.mark.parametrize(
    "method",
    [{}, {"method": "whiten"}, {"method": "qi"}, {"gen": "kmeans", "k": 3, "distance": "cosine"}],
    ids=str,
)
@pytest.mark.parametrize("offset", [30, 300])
@torch.no_grad()
def test_close_proxies_are_told_apart(tmp_path, method, offset):
    x, y = load_digits(return_X_y=True)
    x = (x / 16 + offset).astype(np.float32)
    model = ImprintingClassifier(random_state=0, **method).fit(x[:500], y[:500])
    labels = model.predict(x[500:])
    for exact in (False, True):
        scores = model.to_torch(exact=exact)(torch.from_numpy(x[500:])).numpy()
        np.testing.assert_array_equal(model.classes_[scores.argmax(axis=1)], labels)
    expected = model.class_scores(x[500:])
    assert scores.dtype == np.float64
    # rounding of the embeddings changes all scores of a row alike
    scores, expected = (of - of.mean(axis=1, keepdims=True) for of in (scores, expected))
    np.testing.assert_allclose(scores, expected, atol=1e-2 * np.ptp(expected))
    assert model.to_torch(exact=True).float()(torch.from_numpy(x[500:])).dtype == torch.float64
    checked = imprint.export(model, tmp_path / "head.pt2").check
    assert checked.equal_labels == checked.samples


@pytest.mark.parametrize("inf", ["none", "l2"])
@torch.no_grad()
def test_distances_to_close_proxies_of_unit_length_have_the_order_of_predict(inf):
    rng = np.random.default_rng(0)
    y = np.arange(120) % 5
    x = 3e4 * np.eye(16)[0] + 0.3 * rng.normal(size=(120, 16)) + rng.normal(size=(5, 16))[y]
    x = x.astype(np.float32)
    norms = {"norm_pre": inf, "norm_inf": "l2", "norm_post": "l2"}
    model = ImprintingClassifier(gen="mean", distance="euclidean", **norms).fit(x, y)
    for exact in (False, True):
        scores = model.to_torch(exact=exact)(torch.from_numpy(x)).numpy()
        equal = model.classes_[scores.argmax(axis=1)] == model.predict(x)
        assert equal.mean() > 0.97, "float32 holds few digits of these distances"


@pytest.mark.parametrize("method", ["ridge", "whiten"])
@pytest.mark.parametrize("scale", [1e-13, 1e-14, 1e-16])
@torch.no_grad()
def test_faint_embeddings_have_a_direction(method, scale):
    faint, test = X * np.float32(scale), TEST * np.float32(scale)
    model = ImprintingClassifier(method=method, random_state=0).fit(faint, Y)
    scores = model.to_torch(exact=True)(torch.from_numpy(test)).numpy()
    np.testing.assert_allclose(scores, model.class_scores(test), atol=1e-5)


@pytest.mark.parametrize("method", LINEAR + BEST)
@torch.no_grad()
def test_the_module_predicts_as_the_estimator(method):
    model = ImprintingClassifier(**method, random_state=0).fit(X, Y)
    module = model.to_torch()
    assert (type(module) is torch.nn.Linear) == (method in LINEAR)
    scores = module(torch.from_numpy(TEST)).numpy()
    np.testing.assert_array_equal(model.classes_[scores.argmax(axis=1)], model.predict(TEST))
    if method in BEST:
        np.testing.assert_allclose(scores, model.decision_function(TEST), rtol=1e-4, atol=1e-4)
    exact = model.to_torch(exact=True)(torch.from_numpy(TEST)).numpy()
    np.testing.assert_allclose(exact, model.class_scores(TEST), rtol=1e-4, atol=1e-4)
    assert sum(t.numel() for t in module.state_dict().values()) >= model.proxies_.size
    assert not any(p.requires_grad for p in module.parameters())


def test_the_module_can_be_exported_for_any_batch_size():
    module = ImprintingClassifier(k=3, random_state=0).fit(X, Y).to_torch()
    x = torch.from_numpy(TEST)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.testing.assert_close(program.module()(x[:7]), module(x[:7]))


@pytest.mark.parametrize(
    "method",
    [{"k": 3}, {"gen": "mean"}, {"k": 3, "distance": "euclidean", "norm_inf": "none"}, *FITTED],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_onnx_runs_as_the_module(tmp_path, method):
    import onnxruntime

    names = np.array(list("abcdef"))
    model = ImprintingClassifier(random_state=0, **method).fit(X, names[Y])
    model.to_onnx(tmp_path / "head.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "head.onnx")
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    for queries in (TEST, TEST[:1]):
        scores, *others = session.run(None, {"embeddings": queries})
        np.testing.assert_allclose(scores, model.class_scores(queries), rtol=1e-4, atol=1e-4)
        assert len(others) == (model.inverse_temperature_ is not None)
        for probabilities in others:
            np.testing.assert_allclose(probabilities, model.predict_proba(queries), atol=1e-3)
        assert np.array(classes)[scores.argmax(axis=1)].tolist() == model.predict(queries).tolist()


def test_onnx_without_its_packages_says_what_to_install(tmp_path, monkeypatch):
    model = ImprintingClassifier(k=3).fit(X, Y)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"weight-imprinting\[onnx\]"):
        model.to_onnx(tmp_path / "head.onnx")
    with pytest.raises(UserError, match=r"exported in the form onnx to a \.onnx file"):
        model.to_onnx(tmp_path / "head.pt")


def test_heads_without_a_torch_module_say_why():
    for method, message in (
        ({"agg": "mnn", "m": 3}, "votes of 3 neighbours"),
        ({"distance": "manhattan"}, "manhattan"),
        ({"distance": "mahalanobis"}, "mahalanobis"),
    ):
        with pytest.raises(UserError, match=message):
            ImprintingClassifier(k=3, **method).fit(X, Y).to_torch()


@pytest.fixture
def principal():
    """The name of a linear NORM that keeps three of six values."""

    @normalization("principal", fitted=True)
    class Principal:
        def fit(self, embeddings, labels):
            _, _, directions = np.linalg.svd(embeddings, full_matrices=False)
            self.components_ = directions[:3].T
            return self

        def transform(self, embeddings):
            return embeddings @ self.components_

    yield "principal"
    NORMS.remove("principal")


def test_a_norm_that_changes_the_number_of_values_is_part_of_the_module(principal):
    head = ImprintingClassifier(
        gen="mean", norm_pre=principal, norm_inf=principal, norm_post="none"
    )
    head.fit(X, Y)
    assert head.proxies_.shape[1] == 3
    checked = embedding_samples(head, head.as_head(FM), FMChoice(), None)
    for x in (TEST, checked.input):
        scores = head.to_torch()(torch.from_numpy(x)).detach().numpy()
        np.testing.assert_array_equal(head.classes_[scores.argmax(axis=1)], head.predict(x))
