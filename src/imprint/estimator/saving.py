"""Convert classifiers to saved heads and back."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.estimator.duplicates import Sketches
from imprint.estimator.incremental import Imprinted
from imprint.estimator.labels import plain_labels
from imprint.estimator.learning import Learnt
from imprint.estimator.parameters import constructor_arguments
from imprint.estimator.training_samples import TrainingSamples
from imprint.estimator.training_state import TrainingState
from imprint.estimator.tuning import Tuned
from imprint.estimator.validation import as_array, as_classifier_weights
from imprint.formatting import listed
from imprint.method.class_sums import ClassSums
from imprint.method.components import components_of
from imprint.method.configuration import UNIT_LENGTH, Configuration
from imprint.method.familiarity import Familiarity
from imprint.method.generate import GENERATORS
from imprint.method.normalize import FittedNorms, chain
from imprint.method.user_files import users_codes
from imprint.store.fm_identity import fm_identity
from imprint.store.heads import Head, ids_as_bytes, read_head
from imprint.store.version import __version__

SAMPLE_IDS = "sample_ids"
EXAMPLE_IDS = "example_ids"
HELD_OUT = "held_out"
UNKNOWN_FM = {"fm": None}
SKETCHES, SKETCH_CLASSES = "sketches", "sketch_classes"
SAMPLES, SAMPLE_CLASSES = "samples", "sample_classes"


@dataclass(frozen=True)
class SavedClassifier:
    """The contents of a classifier's file.

    Attributes
    ----------
    state : TrainingState
        Proxies, and what adding classes needs.
    parameters : dict
        Constructor arguments; random_state is the seed of GEN.
    tuned : Tuned
        What was chosen and measured on the training samples.
    fm : Any
        The FM, see `ImprintingClassifier.save`, or None; after loading, the result of `imprint.store.fm_identity.fm_identity`.
    embedding_size : int
        Number of values of an embedding.
    feature_names : ndarray of shape (D,) or None
        The names of the columns of a frame of embeddings.
    """

    state: TrainingState
    parameters: dict[str, Any]
    tuned: Tuned
    fm: Any
    embedding_size: int
    feature_names: np.ndarray | None = None


def head_of(classifier: SavedClassifier) -> Head:
    """The head to write for a classifier; see `ImprintingClassifier.save`."""
    state, tuned, familiarity = classifier.state, classifier.tuned, classifier.tuned.familiarity
    imprinted, configuration = state.imprinted, tuned.configuration
    # the weights of the FM's own classifier are saved as an array
    parameters = {**classifier.parameters, "fm_classifier": None}
    samples = GENERATORS[configuration.gen].samples
    codes, columns = users_codes(components_of(configuration)), classifier.feature_names
    description = {
        "configuration": configuration.as_dict(),
        "unit": samples and configuration.norm_pre == UNIT_LENGTH,
        "parameters": {name: _plain(value) for name, value in parameters.items()},
        "classes": plain_labels(state.classes, "save"),
        "classes_type": state.classes.dtype.str,
        "class_counts": state.counts.tolist(),
        "samples": state.samples,
        "embedding_size": classifier.embedding_size,
        "k": tuned.k,
        "seed": parameters["random_state"],
        "inverse_temperature": tuned.inverse_temperature,
        "held_out": None if familiarity is None else familiarity.samples,
        "current": tuned.current,
        "fm": UNKNOWN_FM if classifier.fm is None else fm_identity(classifier.fm),
        **({"components": codes} if codes else {}),
        **({} if state.scale == 1 else {"scale": state.scale}),
        **({} if columns is None else {"columns": columns.tolist()}),
        "versions": {
            "imprint": __version__,
            "numpy": np.__version__,
            "scikit-learn": version("scikit-learn"),
        },
    }
    arrays = dict(imprinted.sums)
    if state.learnt.sums is not None:
        arrays |= state.learnt.sums.arrays()
    if imprinted.ids is not None:
        arrays[SAMPLE_IDS] = ids_as_bytes(imprinted.ids)
    elif state.examples is not None:
        arrays[EXAMPLE_IDS] = ids_as_bytes(state.examples)
    if state.sketches is not None:
        arrays[SKETCHES] = state.sketches.values
        arrays[SKETCH_CLASSES] = state.sketches.classes
    if state.kept is not None:
        arrays[SAMPLES], arrays[SAMPLE_CLASSES] = state.kept.x, state.kept.classes
    if familiarity is not None:
        arrays[HELD_OUT] = familiarity.held_out
    needs_fm = chain(configuration.scoring.norm_post).needs_fm_classifier
    fm_classifier = classifier.parameters["fm_classifier"] if needs_fm else None
    return Head(
        proxies=imprinted.proxies,
        labels=imprinted.labels,
        description=description,
        fm_classifier=as_classifier_weights(fm_classifier),
        state=arrays,
        bias=imprinted.bias,
        norms=state.learnt.norms.state(),
    )


def load_classifier(path: str | Path, fm: Any) -> SavedClassifier:
    """Read a saved head; see `ImprintingClassifier.load`."""
    head = read_head(path)
    if fm is not None:
        head.require_fm(fm)
    description, arrays = head.description, dict(head.state)
    configuration = Configuration.from_dict(description["configuration"])
    try:
        codes = users_codes(components_of(configuration))
    except UserError as error:
        raise UserError(
            f"{path} was made with a component from a user's file ({error}); load that file first, on the command line with "
            "--components FILE"
        ) from None
    before = description.get("components", {})
    if changed := [name for name, code in codes.items() if before.get(name, code) != code]:
        warnings.warn(
            f"the file of {listed(changed)} has changed since {path} was made, whose predictions may differ from before: fit it again",
            stacklevel=3,
        )
    parameters = description.get("parameters")
    if parameters is None:  # a head of the workflow
        parameters = {
            **constructor_arguments(configuration),
            "random_state": description["seed"],
        }
    counts = np.bincount(head.labels, minlength=len(description["classes"]))
    k_of_workflow = None
    if GENERATORS[configuration.gen].takes_k:
        k_of_workflow = configuration.k.column or int(counts.max())
    ids = _ids(arrays.pop(SAMPLE_IDS, None))
    examples = _ids(arrays.pop(EXAMPLE_IDS, None))
    held_out, sketches, kept = arrays.pop(HELD_OUT, None), None, None
    if SKETCHES in arrays:
        sketches = Sketches(arrays.pop(SKETCHES), arrays.pop(SKETCH_CLASSES))
    if SAMPLES in arrays:
        kept = TrainingSamples(arrays.pop(SAMPLES), arrays.pop(SAMPLE_CLASSES))
    class_sums = ClassSums.from_arrays(arrays)
    if class_sums is not None:
        arrays = {name: array for name, array in arrays.items() if name not in class_sums.arrays()}
    state = TrainingState(
        classes=np.array(description["classes"], dtype=description.get("classes_type")),
        counts=np.array(description.get("class_counts", counts)),
        samples=description.get("samples", 0),
        imprinted=Imprinted(head.proxies, head.labels, ids, head.bias, arrays),
        learnt=Learnt(configuration, FittedNorms.from_state(head.norms), class_sums),
        examples=examples if ids is None else ids,
        sketches=sketches,
        kept=kept,
        scale=description.get("scale", 1.0),
    )
    tuned = Tuned(
        configuration,
        description.get("k", k_of_workflow),
        inverse_temperature=description.get("inverse_temperature"),
        familiarity=None if held_out is None else Familiarity(held_out, description["held_out"]),
        current=description.get("current", True),
    )
    parameters = {**parameters, "fm_classifier": head.fm_classifier}
    columns = description.get("columns")
    return SavedClassifier(
        state=state,
        parameters=parameters,
        tuned=tuned,
        fm=description["fm"],
        embedding_size=head.embedding_size,
        feature_names=None if columns is None else np.array(columns, object),
    )


def _ids(as_bytes: np.ndarray | None) -> np.ndarray | None:
    return None if as_bytes is None else as_array(json.loads(as_bytes.tobytes()))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
