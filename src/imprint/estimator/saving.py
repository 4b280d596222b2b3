"""Classifiers to saved heads and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import sklearn

from imprint import __version__
from imprint.errors import UserError
from imprint.estimator.incremental import Imprinted
from imprint.method.configuration import UNIT_LENGTH, Configuration, Fixed
from imprint.method.generate import GENERATORS
from imprint.store.heads import Head, fm_identity, ids_as_bytes, read_head, write_head

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier

Classifier = TypeVar("Classifier", bound="ImprintingClassifier")
SAMPLE_IDS = "sample_ids"


def save_classifier(classifier: ImprintingClassifier, path: str | Path, fm: Any) -> None:
    """Write the head of a fitted classifier; see `ImprintingClassifier.save`."""
    fm = fm if fm is not None else getattr(classifier, "fm_", None)
    if fm is None:
        raise UserError(
            "save: name the FM that the embeddings came from, as the provenance of an embeddings file or a mapping "
            "with model, weights_sha256 and transform"
        )
    configuration = classifier._configuration()
    replaced = {"random_state": classifier.seed_, "fm_classifier": None}
    parameters = {**classifier.get_params(), **replaced}
    samples = GENERATORS[classifier.gen].samples
    description = {
        "configuration": configuration.as_dict(),
        "unit": samples and classifier.norm_pre == UNIT_LENGTH,
        "parameters": {name: _plain(value) for name, value in parameters.items()},
        "classes": classifier.plain_classes("save"),
        "classes_type": classifier.classes_.dtype.str,
        "class_counts": classifier.class_counts_.tolist(),
        "samples": classifier.n_samples_seen_,
        "k": classifier.k_,
        "seed": classifier.seed_,
        "fm": fm_identity(fm),
        "versions": {
            "imprint": __version__,
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
    imprinted = classifier._imprinted()
    state = dict(imprinted.sums)
    if imprinted.ids is not None:
        state[SAMPLE_IDS] = ids_as_bytes(imprinted.ids)
    head = Head(
        imprinted.proxies, imprinted.labels, description, classifier._fm_classifier(), state
    )
    write_head(path, head)


def load_classifier(kind: type[Classifier], path: str | Path, fm: Any) -> Classifier:
    """The classifier of a saved head; see `ImprintingClassifier.load`."""
    from imprint.estimator.classifier import constructor_arguments

    head = read_head(path)
    if fm is not None:
        head.require_fm(fm)
    description, state = head.description, dict(head.state)
    configuration = Configuration.from_dict(description["configuration"])
    if configuration.gen not in GENERATORS:
        raise UserError(
            f"{path} was made by GEN '{configuration.gen}' of a user's file; load that file first, on the command "
            "line by --components FILE"
        )
    parameters = description.get("parameters")
    if parameters is None:  # a head of the workflow
        parameters = {
            **constructor_arguments(configuration),
            "random_state": description["seed"],
        }
    classifier = kind(**{**parameters, "fm_classifier": head.fm_classifier})
    counts = np.bincount(head.labels, minlength=len(description["classes"]))
    of_workflow = None
    if GENERATORS[configuration.gen].takes_k:
        k = configuration.k
        of_workflow = k.k if isinstance(k, Fixed) else int(counts.max())
    ids = state.pop(SAMPLE_IDS, None)
    classifier.classes_ = np.array(description["classes"], dtype=description.get("classes_type"))
    classifier.class_counts_ = np.array(description.get("class_counts", counts))
    classifier.n_samples_seen_ = description.get("samples", 0)
    classifier.n_features_in_ = head.proxies.shape[1]
    classifier.k_ = description.get("k", of_workflow)
    classifier.seed_ = description["seed"]
    classifier.fm_ = description["fm"]
    imprinted = Imprinted(
        head.proxies,
        head.labels,
        None if ids is None else np.array(json.loads(ids.tobytes())),
        state,
    )
    classifier._keep(imprinted)
    classifier._mapped = classifier._after_norm_post(imprinted)
    return classifier


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
