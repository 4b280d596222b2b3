"""The parameters of `ImprintingClassifier` that name a method: resolved from a preset, and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.method.aggregations import AGGREGATIONS
from imprint.method.configuration import (
    IDENTITY,
    UNIFORM,
    Auto,
    Configuration,
    Fixed,
    K,
    Scoring,
)
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS
from imprint.method.generate.registry import USUAL_LS_LAMBDA
from imprint.method.normalize import chain, norms_problem
from imprint.method.presets import PRESETS
from imprint.method.weightings import find_weighting
from imprint.registry import suggestion, unknown

AUTO = "auto"
BASE = "westerhoff"  # the preset whose parts single choices replace
USUAL_K = 20
CHOICES = ("gen", "k", "norm_pre", "norm_post", "norm_inf", "agg", "distance", "m", "weighting")
UNSET: dict[str, Any] = {"k": USUAL_K, "m": 1, "weighting": UNIFORM}


def resolve(method: str | None, choices: Mapping[str, Any]) -> dict[str, Any] | None:
    """Resolve all choices of a method.

    Parameters
    ----------
    method : str or None
        `auto` or a preset; None is `auto` if there is no other choice, else the preset `westerhoff`.
    choices : mapping
        Replacements for parts of the preset, by the names in `CHOICES`; None keeps the part of the preset.

    Returns
    -------
    dict or None
        Every choice; None for `auto`, which chooses on the training samples.

    Raises
    ------
    UserError
        If there is no such method, or choices are named together with `auto`.
    """
    named = {name: value for name, value in choices.items() if value is not None}
    method = method_of(method, named.values())
    if method == AUTO:
        if named:
            raise UserError(
                f"method auto chooses {', '.join(named)} itself; leave {'it' if len(named) == 1 else 'them'} out, or name another method"
            )
        return None
    if method not in PRESETS:
        raise UserError(unknown("method", method, dict.fromkeys((AUTO, *PRESETS))))
    parts = {**UNSET, **constructor_arguments(PRESETS[method].configuration)}
    parts = {name: parts[name] for name in CHOICES}
    had_k, had_agg = GENERATORS[parts["gen"]].takes_k, parts["agg"]
    parts |= named
    if "k" not in named and not had_k:
        parts["k"] = USUAL_K
    entry = GENERATORS.get(parts["gen"])
    if entry is not None and entry.has_bias and "norm_post" not in named:
        parts["norm_post"] = IDENTITY  # a bias allows no other
    agg = AGGREGATIONS.get(parts["agg"])
    if agg is not None and agg.name != had_agg and agg.takes_weighting and "weighting" not in named:
        parts["weighting"] = agg.default_weighting
    return parts


def method_of(method: str | None, choices: Iterable[Any]) -> str:
    """The name of a method; None means `auto`, or `BASE` if there are single choices, which replace parts of it."""
    if method is not None:
        return method
    return BASE if any(choice is not None for choice in choices) else AUTO


def checked_parts(parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Check parameters of `ImprintingClassifier`: all choices of the method that they name; None for `auto`.

    Raises
    ------
    UserError
        Names all mistakes.
    """
    for name in ("method", *CHOICES):
        value = parameters[name]
        if name not in ("k", "m") and value is not None and not isinstance(value, str):
            raise UserError(f"{name}={value!r} is not a name, such as 'l2'")
    require_seed("random_state", parameters["random_state"])
    parts = resolve(parameters["method"], {name: parameters[name] for name in CHOICES})
    ridge = parameters["ls_lambda"]
    if not isinstance(ridge, int | float | np.number) or not 0 < ridge < np.inf:
        raise UserError(f"ls_lambda={ridge!r} is not a positive number")
    if not isinstance(parameters["probability"], bool | np.bool_):
        raise UserError(f"probability={parameters['probability']!r} is neither True nor False")
    if parts is not None:
        check(parts, parameters["fm_classifier"])
    return parts


def require_seed(name: str, seed: Any) -> None:
    """A `UserError` if a seed is a number that random generators of numpy do not take."""
    if isinstance(seed, int | np.integer) and not 0 <= seed < 2**32:
        raise UserError(f"{name}={seed} is not a whole number from 0 to 4294967295")


def check(parts: Mapping[str, Any], fm_classifier: Any) -> None:
    """Check all choices of a method.

    Raises
    ------
    UserError
        Names all mistakes.
    """
    wrong = []
    known = {"gen": tuple(GENERATORS), "agg": tuple(AGGREGATIONS), "distance": tuple(DISTANCES)}
    wrong += [
        f"{name}={parts[name]!r}; known: {', '.join(names)}{suggestion(parts[name], names)}"
        for name, names in known.items()
        if parts[name] not in names
    ]
    for name in ("norm_pre", "norm_post", "norm_inf"):
        try:
            of_rows = chain(str(parts[name])).of_rows
        except UserError as error:
            wrong.append(f"{name}={parts[name]!r}: {error}")
            continue
        if name != "norm_post" and not of_rows:
            wrong.append(f"{name}={parts[name]!r} can be used after generation only, as norm_post")
    try:
        weighting, _ = find_weighting(str(parts["weighting"]))
    except UserError as error:
        wrong.append(f"weighting={parts['weighting']!r}: {error}")
    auto = parts["k"] == Auto.label
    for name, value in (("k", 1 if auto else parts["k"]), ("m", parts["m"])):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            kind = (
                "neither a positive whole number nor 'auto'"
                if name == "k"
                else "not a positive whole number"
            )
            wrong.append(f"{name}={value!r} is {kind}")
    if not wrong:
        only = AGGREGATIONS[parts["agg"]].only_weighting
        if only and weighting.name != only:
            wrong.append(
                f"agg='{parts['agg']}' with weighting='{parts['weighting']}'; it weighs by {only}"
            )
        wrong += _contradictions(parts, auto, weighting.name != UNIFORM, fm_classifier)
    if wrong:
        raise UserError("; ".join(wrong))


def _contradictions(
    parts: Mapping[str, Any], auto: bool, weighted: bool, fm_classifier: Any
) -> list[str]:
    """Choices that are valid alone but not together."""
    wrong = []
    entry, distance = GENERATORS[parts["gen"]], DISTANCES[parts["distance"]]
    if auto and entry.takes_k and not entry.chooses_k:
        wrong.append(f"k='auto' with gen='{entry.name}', which cannot choose k; give a number")
    votes = AGGREGATIONS[parts["agg"]].takes_m and parts["m"] != 1
    if votes and weighted and not distance.weighs_votes:
        wrong.append(
            f"weighting='{parts['weighting']}' with distance='{distance.name}', which is no distance"
        )
    if chain(parts["norm_post"]).needs_fm_classifier and fm_classifier is None:
        wrong.append(
            f"norm_post='{parts['norm_post']}' without fm_classifier, the (C, D) weights of the FM's own classifier"
        )
    problems = (
        norms_problem(parts["norm_pre"], parts["norm_post"], parts["norm_inf"]),
        entry.problem(parts["norm_pre"], scoring_of(parts)),
    )
    return wrong + [problem for problem in problems if problem]


def without_effect(parameters: Mapping[str, Any], parts: Mapping[str, Any] | None) -> list[str]:
    """Sentences about named parameters that have no effect on the method.

    Parameters
    ----------
    parameters : mapping
        Parameters of `ImprintingClassifier`; None for those that are not named.
    parts : mapping or None
        All choices of the method, valid ones, see `resolve`; None for `auto`.
    """
    sentences = []
    entry = None if parts is None else GENERATORS[parts["gen"]]
    if parameters["ls_lambda"] != USUAL_LS_LAMBDA and not (entry and entry.needs_ls_lambda):
        gens = " and ".join(GENERATORS.names(needs_ls_lambda=True))
        sentences.append(
            f"ls_lambda={parameters['ls_lambda']} has no effect: only GEN {gens} take it"
        )
    if parts is None or entry is None:
        return sentences
    if parameters["k"] not in (None, 1) and not entry.takes_k:
        sentences.append(
            f"k={parameters['k']} has no effect: GEN {entry.name} leaves no choice of k"
        )
    takers = {
        "m": AGGREGATIONS.names(takes_m=True),
        "weighting": AGGREGATIONS.names(takes_weighting=True),
    }
    sentences += [
        f"{name}={parameters[name]} has no effect: only agg {' and '.join(aggs)} take{'' if aggs[1:] else 's'} it"
        for name, aggs in takers.items()
        if parameters[name] not in (None, UNSET[name]) and parts["agg"] not in aggs
    ]
    return sentences


def scoring_of(parts: Mapping[str, Any]) -> Scoring:
    """NORMpost, NORMinf and AGG of a method."""
    agg = AGGREGATIONS[parts["agg"]]
    weighting = parts["weighting"] if agg.takes_weighting else None
    m = int(parts["m"]) if agg.takes_m else None
    return Scoring(parts["norm_post"], parts["norm_inf"], agg.name, parts["distance"], weighting, m)


def configuration_of(parts: Mapping[str, Any], k: int | None) -> Configuration:
    """The method with the chosen k; None for a GEN without a choice of k."""
    of_gen: K = GENERATORS[parts["gen"]].only_k or Fixed(k or 1)
    return Configuration(parts["norm_pre"], parts["gen"], of_gen, scoring_of(parts))


def constructor_arguments(configuration: Configuration) -> dict[str, Any]:
    """Arguments of `ImprintingClassifier` for a configuration; open ones keep their defaults."""
    arguments = {
        name: value for name, value in configuration.columns().items() if value is not None
    }
    if isinstance(configuration.k, Auto):
        arguments["k"] = Auto.label
    return arguments
