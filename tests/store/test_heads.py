"""A saved head is the best of its experiment, and predicts as the engine does."""

import json

import numpy as np
import pandas as pd
import pytest

from imprint import ImprintingClassifier
from imprint.analysis.best import best_configuration
from imprint.data.pools import Pool, class_names
from imprint.errors import UserError
from imprint.method.configuration import Configuration, Every, Fixed, Scoring
from imprint.method.engine import predict
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.normalize import l2
from imprint.method.scoring import CandidateHead
from imprint.store.embeddings import Embeddings
from imprint.store.fm_identity import fm_identity
from imprint.store.heads import Head, read_head, write_head
from imprint.study.jobs.heads import make_head

QI = Configuration("l2", "mean", Fixed(1), Scoring("l2", "l2", "max", "inner_product"))
VOTE = Configuration("l2", "all", Every(), Scoring("none", "l2", "mnn", "cosine", "distance", 3))
FIVE = QI._replace(k=Fixed(5), gen="kmeans")
ABOUT = {"classes": ["a", "b", "c"], "fm": {"model": "net"}, "task": "t", "seed": 7}


def data(seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(60) % 3
    return Pool((np.eye(3, 5)[y] + 0.3 * rng.normal(size=(60, 5))).astype(np.float32), y, 3)


@pytest.mark.parametrize("configuration", [QI, VOTE])
def test_a_saved_head_predicts_as_the_engine(tmp_path, configuration):
    train, x = data(), data(1).x
    proxies = proxy_sets(l2(train.x), train.y, configuration.gen, [1], [7])[1, 7]
    write_head(tmp_path / "head.safetensors", make_head(train, proxies, configuration, ABOUT))
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors")
    candidate = CandidateHead(proxies.matrix(l2(train.x)), proxies.labels, (configuration.scoring,))
    ((_, expected),) = predict(x, 3, [candidate])
    np.testing.assert_array_equal(loaded.predict(x), np.array(ABOUT["classes"])[expected])
    assert (
        json.loads((tmp_path / "head.json").read_text())["configuration"]["gen"]
        == configuration.gen
    )


def test_samples_as_proxies_are_kept_as_the_engine_has_them(tmp_path):
    train = data()
    proxies = proxy_sets(l2(train.x), train.y, "fps", [4], [7])[4, 7]
    write_head(
        tmp_path / "h.safetensors",
        make_head(train, proxies, VOTE._replace(gen="fps", k=Fixed(4)), ABOUT),
    )
    loaded = read_head(tmp_path / "h.safetensors")
    assert loaded.description["unit"]
    np.testing.assert_array_equal(loaded.proxies, train.x[proxies.samples])
    assert json.loads(loaded.state["sample_ids"].tobytes()) == proxies.samples.tolist()


def test_a_head_knows_its_fm():
    fm = {"fm": "mine", "model": "net", "weights_sha256": "ab", "transform": {"size": [8, 8]}}
    head = Head(np.ones((1, 2), np.float32), np.zeros(1, int), {"fm": fm})
    part = Embeddings(
        np.zeros((1, 1)),
        np.zeros(1),
        np.zeros(1),
        ("0",),
        fm | {"fm": "other name", "split": "test"},
    )
    head.require_fm(part)
    with pytest.raises(UserError, match="weights_sha256 ab, not cd"):
        head.require_fm(fm | {"weights_sha256": "cd"})
    given = Head(head.proxies, head.labels, {"fm": {"fm": "mine", "source": "embeddings"}})
    given.require_fm({"fm": "mine"})
    with pytest.raises(UserError, match="fm mine, not yours"):
        given.require_fm({"fm": "yours"})


def test_an_fm_in_a_folder_is_known_by_its_weights():
    fm = {"model": "local-dir:/some/fm", "weights_sha256": "ab", "transform": {"size": [8, 8]}}
    head = Head(np.ones((1, 2), np.float32), np.zeros(1, int), {"fm": fm})
    head.require_fm(fm | {"model": "local-dir:/other/fm"})
    for other in ({"model": "net"}, {"model": "local-dir:/other/fm", "weights_sha256": "cd"}):
        with pytest.raises(UserError, match=r"not net|not cd"):
            head.require_fm(fm | other)
    named = Head(head.proxies, head.labels, {"fm": {"model": "local-dir:/some/fm"}})
    with pytest.raises(UserError, match="not local-dir:/other/fm"):
        named.require_fm({"model": "local-dir:/other/fm"})


def test_an_embedder_says_which_fm_it_is():
    class Transform:
        def as_dict(self):
            return {"size": (8, 8)}

    class Embedder:
        identity = {"model": "net", "weights_sha256": "ab"}  # noqa: RUF012
        transform = Transform()

    head = Head(np.ones((1, 2), np.float32), np.zeros(1, int), {"fm": fm_identity(Embedder())})
    head.require_fm({"model": "net", "weights_sha256": "ab", "transform": {"size": [8, 8]}})


def test_a_file_that_is_no_head_is_named(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    for name in ("x.safetensors", "none.safetensors"):
        with pytest.raises(UserError, match=name):
            read_head(tmp_path / name)


def test_weights_that_moved_together_with_a_head_are_found(tmp_path):
    weights = tmp_path / "study" / "fms" / "net.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    train = data()
    head = ImprintingClassifier(gen="mean").fit(train.x, train.y)
    saved = tmp_path / "study" / "heads" / "task" / "full.safetensors"
    saved.parent.mkdir(parents=True)
    head.save(saved, fm={"model": "net", "checkpoint": str(weights)})

    def checkpoint(path):
        return read_head(path).description["fm"]["checkpoint"]

    assert checkpoint(saved) == str(weights)
    moved = (tmp_path / "study").rename(tmp_path / "elsewhere")
    saved = moved / "heads" / "task" / "full.safetensors"
    assert checkpoint(saved) == str(moved / "fms" / "net.safetensors")
    (moved / "fms" / "net.safetensors").unlink()
    assert checkpoint(saved) == str(weights), "the message names where they were"


def test_the_best_is_by_median_then_by_fewest_proxies():
    rows = [
        (QI, 1, 0.9, 3), (QI, 2, 0.8, 3), (QI, 3, 0.7, 3),
        (VOTE, 1, 0.8, 60), (VOTE, 2, 0.8, 60), (VOTE, 3, 0.8, 60),
        (FIVE, 1, 0.99, 15), (FIVE, 2, 0.1, 15), (FIVE, 3, 0.1, 15),
    ]  # fmt: skip
    frame = pd.DataFrame(
        [{**c.columns(), "seed": s, "accuracy": a, "proxies": p} for c, s, a, p in rows]
    )
    methods = [QI, VOTE, FIVE]
    frame = frame.astype({"k": "Int64", "m": "Int64", "gen": "category", "weighting": "category"})
    assert best_configuration(frame, methods) == (QI, 2, 0.8, 0.8)
    assert best_configuration(frame[frame["gen"] == "all"], methods) == (VOTE, 1, 0.8, 0.8)
    two = frame[(frame["gen"] == "mean") & (frame["seed"] < 3)]
    best = best_configuration(two, [QI])
    assert best.accuracy == pytest.approx(0.85)
    assert best.seed_accuracy == two.set_index("seed")["accuracy"][best.seed]
    validated = frame[frame["gen"] == "mean"].assign(validation_accuracy=[0.5, 0.9, 0.8])
    assert best_configuration(validated, [QI]) == (QI, 3, 0.8, 0.7), "test data only score"


def test_united_classes_have_the_names_of_their_parts():
    part = Embeddings(np.zeros((1, 1)), np.zeros(1), np.zeros(1), ("0", "1"), {})
    assert class_names([part, part], [[0, 2], [1], [0, 1]]) == ["0", "1", "0+1"]
    assert class_names([part], None) == ["0", "1"]
