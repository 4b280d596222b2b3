"""Classifiers to saved heads and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sklearn

from imprint.errors import UserError
from imprint.estimator.duplicates import Sketches
from imprint.estimator.incremental import Imprinted
from imprint.method.class_sums import ClassSums
from imprint.method.configuration import UNIT_LENGTH, Auto, Configuration, Every, Fixed
from imprint.method.familiarity import Familiarity
from imprint.method.generate import GENERATORS
from imprint.method.normalize import FittedNorms
from imprint.store.heads import Head, fm_identity, ids_as_bytes, read_head, write_head
from imprint.version import __version__

SAMPLE_IDS = "sample_ids"
EXAMPLE_IDS = "example_ids"
HELD_OUT = "held_out"
SKETCHES, SKETCH_CLASSES = "sketches", "sketch_classes"
SAVED_ATTRIBUTES = (
    "classes_",
    "class_counts_",
    "n_samples_seen_",
    "k_",
    "seed_",
    "inverse_temperature_",
    "familiarity_",
    "proxy_examples_",
)


@dataclass(frozen=True)
class SavedClassifier:
    """What of a classifier a file holds.

    Attributes
    ----------
    configuration : Configuration
        Its method.
    parameters : dict
        Arguments of its constructor.
    attributes : dict
        Fitted attributes; when saved those of `SAVED_ATTRIBUTES`, when loaded also `n_features_in_` and `fm_`.
    imprinted : Imprinted
        Its proxies, and what adding classes needs.
    norms : FittedNorms
        What its NORMs learnt.
    class_sums : ClassSums or None
        The sums of the training embeddings, where adding classes needs them.
    sketches : Sketches or None
        What training samples are known again by.
    """

    configuration: Configuration
    parameters: dict[str, Any]
    attributes: dict[str, Any]
    imprinted: Imprinted
    norms: FittedNorms
    class_sums: ClassSums | None
    sketches: Sketches | None = None


def save_classifier(
    path: str | Path, classifier: SavedClassifier, classes: list[Any], fm: Any
) -> None:
    """Write the head of a classifier, its classes as JSON holds them; see `ImprintingClassifier.save`."""
    configuration, attributes = classifier.configuration, classifier.attributes
    parameters = {**classifier.parameters, "fm_classifier": None}  # it is among the arrays
    samples = GENERATORS[configuration.gen].samples
    familiarity: Familiarity | None = attributes["familiarity_"]
    description = {
        "configuration": configuration.as_dict(),
        "unit": samples and configuration.norm_pre == UNIT_LENGTH,
        "parameters": {name: _plain(value) for name, value in parameters.items()},
        "classes": classes,
        "classes_type": attributes["classes_"].dtype.str,
        "class_counts": attributes["class_counts_"].tolist(),
        "samples": attributes["n_samples_seen_"],
        "k": attributes["k_"],
        "seed": attributes["seed_"],
        "inverse_temperature": attributes["inverse_temperature_"],
        "held_out": None if familiarity is None else familiarity.samples,
        "fm": fm_identity(fm),
        "versions": {
            "imprint": __version__,
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
    imprinted = classifier.imprinted
    state = dict(imprinted.sums)
    if classifier.class_sums is not None:
        state |= classifier.class_sums.arrays()
    if imprinted.ids is not None:
        state[SAMPLE_IDS] = ids_as_bytes(imprinted.ids)
    elif attributes["proxy_examples_"] is not None:
        state[EXAMPLE_IDS] = ids_as_bytes(attributes["proxy_examples_"])
    if classifier.sketches is not None:
        state[SKETCHES] = classifier.sketches.values
        state[SKETCH_CLASSES] = classifier.sketches.classes
    if familiarity is not None:
        state[HELD_OUT] = familiarity.held_out
    fm_classifier = classifier.parameters["fm_classifier"]
    head = Head(
        imprinted.proxies,
        imprinted.labels,
        description,
        fm_classifier,
        state,
        imprinted.bias,
        classifier.norms.state(),
    )
    write_head(path, head)


def load_classifier(path: str | Path, fm: Any) -> SavedClassifier:
    """Read a saved head; see `ImprintingClassifier.load`."""
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
    counts = np.bincount(head.labels, minlength=len(description["classes"]))
    of_workflow = None
    if GENERATORS[configuration.gen].takes_k:
        k = configuration.k
        of_workflow = k.k if isinstance(k, Fixed) else int(counts.max())
    ids = _ids(state.pop(SAMPLE_IDS, None))
    examples = _ids(state.pop(EXAMPLE_IDS, None))
    held_out, sketches = state.pop(HELD_OUT, None), None
    if SKETCHES in state:
        sketches = Sketches(state.pop(SKETCHES), state.pop(SKETCH_CLASSES))
    attributes = {
        "classes_": np.array(description["classes"], dtype=description.get("classes_type")),
        "class_counts_": np.array(description.get("class_counts", counts)),
        "n_samples_seen_": description.get("samples", 0),
        "n_features_in_": head.proxies.shape[1],
        "k_": description.get("k", of_workflow),
        "seed_": description["seed"],
        "inverse_temperature_": description.get("inverse_temperature"),
        "familiarity_": held_out
        if held_out is None
        else Familiarity(held_out, description["held_out"]),
        "proxy_examples_": examples if ids is None else ids,
        "fm_": description["fm"],
    }
    class_sums = ClassSums.from_arrays(state)
    if class_sums is not None:
        state = {name: array for name, array in state.items() if name not in class_sums.arrays()}
    imprinted = Imprinted(
        head.proxies,
        head.labels,
        ids,
        head.bias,
        state,
    )
    parameters = {**parameters, "fm_classifier": head.fm_classifier}
    norms = FittedNorms.from_state(head.norms)
    return SavedClassifier(
        configuration, parameters, attributes, imprinted, norms, class_sums, sketches
    )


def _ids(as_bytes: np.ndarray | None) -> np.ndarray | None:
    return None if as_bytes is None else np.array(json.loads(as_bytes.tobytes()))


def constructor_arguments(configuration: Configuration) -> dict[str, Any]:
    """Arguments of `ImprintingClassifier` for a configuration; what it leaves open keeps its default."""
    arguments = {
        name: value for name, value in configuration.columns().items() if value is not None
    }
    if isinstance(configuration.k, Auto):
        arguments["k"] = Auto.label
    if isinstance(configuration.k, Every):
        arguments.pop("k", None)
    return arguments


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
