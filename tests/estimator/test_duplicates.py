"""Duplicate samples are recognised by content, not by id."""

import warnings

import numpy as np
import pytest

from imprint import ImprintingClassifier

X = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
Y = np.repeat(["crow", "owl"], 20)


def test_samples_are_known_again_up_to_rounding(tmp_path):
    head = ImprintingClassifier(gen="mean").fit(X, Y)
    others = np.random.default_rng(1).normal(size=(20, 8)).astype(np.float32)
    assert head.seen_before(X * (1 + 1e-6), Y).all()
    assert not head.seen_before(others, Y[:20]).any()
    assert not head.seen_before(X, Y[::-1]).any()  # in another class
    assert head.seen_before(X).all() and not head.seen_before(others).any()
    head.save(tmp_path / "head.safetensors", {"model": "random"})
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors")
    assert loaded.seen_before(X, Y).all()
    loaded.remove_classes(["crow"])
    assert loaded.seen_before(X, Y).tolist() == (Y == "owl").tolist()


def test_samples_that_count_twice_give_a_warning():
    head = ImprintingClassifier(gen="mean").fit(X, Y)
    with pytest.warns(UserWarning, match="3 of 3 samples are in the head already"):
        head.partial_fit(X[:3], Y[:3])


def test_samples_of_two_classes_give_a_warning():
    copies = np.concatenate([X, X[[3, 25]] * (1 + 1e-6)])
    labels = [*Y, "owl", "crow"]
    names = [f"{i}.jpg" for i in range(42)]
    with pytest.warns(UserWarning, match="2 samples are in two classes, such as 40.jpg in 'owl'"):
        ImprintingClassifier(gen="mean").fit(copies, labels, sample_ids=names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head = ImprintingClassifier(gen="mean").fit(X, Y)
        head.add_classes(X + 1, Y + "let")
    with pytest.warns(UserWarning, match="1 sample is in two classes, such as 80 in 'wren'"):
        head.add_classes(X[:1], ["wren"])


def test_copies_in_a_class_give_a_warning():
    """Held-out samples of which a copy is in training say nothing of new ones."""
    with pytest.warns(UserWarning, match="40 of 80 samples are copies of others .* such as 40"):
        ImprintingClassifier(gen="mean").fit(np.tile(X, (2, 1)), np.tile(Y, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a few do no harm
        ImprintingClassifier(gen="mean").fit(np.r_[X, X[:2]], np.r_[Y, Y[:2]])


@pytest.mark.parametrize("offset", [1e3, 1e4])
def test_a_part_that_all_samples_share_makes_none_equal(offset):
    x, others = X + offset, X[::-1] + offset + 0.3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head = ImprintingClassifier(gen="mean").fit(x, Y)
    assert head.seen_before(x, Y).all() and not head.seen_before(others, Y).any()


def test_images_embedded_again_are_known_where_all_share_a_part():
    rng = np.random.default_rng(2)
    x = (rng.normal(size=(300, 512)) + 10).astype(np.float32)
    again = x * (1 + 1e-5 * rng.normal(size=x.shape))
    labels = np.repeat(["crow", "owl"], 150)
    head = ImprintingClassifier(gen="mean").fit(x, labels)
    assert head.seen_before(again, labels).all()
    assert not head.seen_before(rng.normal(size=(300, 512)) + 10, labels).any()


@pytest.mark.parametrize("gen", ["mean", "kmeans", "all", "ls"])
def test_each_proxy_has_an_example_of_its_class(gen):
    names = np.array([f"{label}{i}" for i, label in enumerate(Y)])
    head = ImprintingClassifier(gen=gen, k=3).fit(X, Y, sample_ids=names)
    head.add_classes(X + 5, np.repeat("wren", 40), sample_ids=[f"wren{i}" for i in range(40)])
    classes = head.classes_[head.proxy_classes_]
    assert len(head.proxy_examples_) == len(head.proxies_)
    assert all(map(str.startswith, head.proxy_examples_.tolist(), classes.tolist()))


def test_examples_of_proxies_may_be_numbers_and_names():
    head = ImprintingClassifier(gen="mean").fit(X, Y)
    head.add_classes(X[:2] + 5, ["wren", "wren"], sample_ids=["a.jpg", "b.jpg"])
    assert head.proxy_examples_[2] in ("a.jpg", "b.jpg")
    assert head.proxy_examples_[0] in {str(number) for number in range(20)}
