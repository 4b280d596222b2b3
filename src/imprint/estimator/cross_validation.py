"""Heads compared by cross-validation on the user's embeddings, all folds through the grid engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import stdtrit

from imprint.errors import UserError
from imprint.method.configuration import (
    BY_DISTANCE,
    FIELDS,
    IDENTITY,
    INNER_PRODUCT,
    MAX,
    MNN,
    UNIT_LENGTH,
    Configuration,
    Fixed,
    K,
    Scoring,
)
from imprint.method.engine import evaluate_each
from imprint.method.generate import GENERATORS
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.generate.registry import ANY_K
from imprint.method.normalize import FittedNorms, chain
from imprint.method.presets import PRESETS
from imprint.method.scoring import Candidate, candidate

if TYPE_CHECKING:
    import pandas as pd

    from imprint.store.embeddings import Embeddings

SEED = 0


def default_methods(
    gens: Sequence[str], ks: Sequence[int], norms: Sequence[str], ms: Sequence[int]
) -> list[Configuration]:
    """The methods that a comparison tries.

    Parameters
    ----------
    gens : sequence of str
        Each with every k, if it leaves a choice.
    ks : sequence of int
        Numbers of proxies per class.
    norms : sequence of str
        Each stands in all three places; one that learns from the training set, or is of proxies only, stands after
        generation, with l2 in the other places.
    ms : sequence of int
        Neighbours that vote by the inverse of the euclidean distance, beside `max`.

    Returns
    -------
    list of Configuration
        The named methods first. Of the others those that the GEN can be used with.

    Raises
    ------
    UserError
        If a name is unknown, or a GEN can be used with none of the NORMs.
    """
    methods = [preset.configuration for preset in PRESETS.values()]
    for gen in gens:
        entry = GENERATORS.find(gen)
        of_gen: list[K] = [entry.only_k] if entry.only_k else [Fixed(k) for k in ks]
        problems = []
        for k, norm in product(of_gen, norms):
            pre, post, inf = _places(norm)
            if entry.sees_all_classes:
                scorings = [Scoring(IDENTITY, inf, MAX, INNER_PRODUCT)]
            else:
                scorings = [Scoring(post, inf, MAX, INNER_PRODUCT)]
                scorings += [Scoring(post, inf, MNN, "euclidean", BY_DISTANCE, m) for m in ms]
            for scoring in scorings:
                if problem := entry.problem(pre, scoring):
                    problems.append(problem)
                else:
                    methods.append(Configuration(pre, gen, k, scoring))
        if problems and all(method.gen != gen for method in methods):
            raise UserError(problems[0])
    return list(dict.fromkeys(methods))


def _places(norm: str) -> tuple[str, str, str]:
    """NORMpre, NORMpost and NORMinf that one NORM of a grid stands for."""
    parsed = chain(norm)
    if parsed.fitted or not parsed.of_rows:
        return UNIT_LENGTH, norm, UNIT_LENGTH
    return norm, norm, norm


def is_reference(method: Configuration) -> bool:
    """Whether a method is no imprinting but what imprinting is compared with."""
    references = [preset.configuration for preset in PRESETS.values() if preset.reference]
    return method in references or GENERATORS.find(method.gen).reference


def compare_heads(
    x: np.ndarray,
    y: np.ndarray,
    methods: Sequence[Configuration],
    *,
    folds: int = 5,
    seed: int = SEED,
    ls_lambda: float = 1e-4,
    fm_classifier: np.ndarray | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Rank methods by their mean accuracy over stratified folds.

    Parameters
    ----------
    x : ndarray of shape (n, D)
        Embeddings, float32.
    y : ndarray of shape (n,)
        Labels 0..C-1, each at least `folds` times.
    methods : sequence of Configuration
        What is compared.
    folds : int, default=5
        Parts of the cross-validation.
    seed : int, default=0
        Of the folds and of GEN.
    ls_lambda : float, default=1e-4
        Ridge of least squares.
    fm_classifier : ndarray of shape (C', D), optional
        Weights of the FM's own classifier.
    threads : int, default=1
        Classes whose proxies are generated at once.

    Returns
    -------
    DataFrame
        A row for each method, best first, of equals the one with fewest proxies: rank, name (of a named method), the fields
        of the method, whether it is a reference, accuracy, its `difference` to the best with the ends of the 95% interval,
        mean number of proxies, bytes of the weights of the head, and mean seconds to generate them.

    Notes
    -----
    The interval of a difference is that of the corrected resampled t-test: folds share training samples, so that the variance
    of their differences is taken times 1 / folds + 1 / (folds - 1).

    References
    ----------
    Nadeau and Bengio, "Inference for the generalization error", 2003.

    Raises
    ------
    UserError
        If a class has too few samples for so many folds.
    """
    settings = Settings(folds, seed, ls_lambda, threads)
    return _ranked(_scored(x, y, methods, settings, fm_classifier), list(FIELDS), folds)


def compare_fms(
    embeddings: Mapping[str, Embeddings],
    methods: Sequence[Configuration],
    *,
    folds: int = 5,
    seed: int = SEED,
    ls_lambda: float = 1e-4,
    threads: int = 1,
) -> pd.DataFrame:
    """Rank FMs with methods, as `compare_heads` ranks methods.

    Parameters
    ----------
    embeddings : mapping
        Of the same samples in the same order, by the name of their FM.
    methods, folds, seed, ls_lambda, threads
        As in `compare_heads`.

    Returns
    -------
    DataFrame
        As that of `compare_heads`, with a column `fm`; a row for each FM and method.

    Raises
    ------
    UserError
        If the samples of FMs differ, or a class has too few.
    """
    import pandas as pd

    first = next(iter(embeddings.values()))
    settings = Settings(folds, seed, ls_lambda, threads)
    frames = []
    for fm, of_fm in embeddings.items():
        if of_fm.ids.tolist() != first.ids.tolist():
            raise UserError(f"FM {fm} embedded other images than {next(iter(embeddings))}")
        frame = _scored(of_fm.x, of_fm.y, methods, settings, of_fm.fm_classifier)
        frames.append(frame.assign(fm=fm))
    return _ranked(pd.concat(frames, ignore_index=True), ["fm", *FIELDS], folds)


class Settings(NamedTuple):
    """What a comparison depends on besides embeddings and methods: see `compare_heads`."""

    folds: int
    seed: int
    ls_lambda: float
    threads: int


def _scored(
    x: np.ndarray,
    y: np.ndarray,
    methods: Sequence[Configuration],
    settings: Settings,
    fm_classifier: np.ndarray | None,
) -> pd.DataFrame:
    """A row for each method and fold."""
    import pandas as pd
    from sklearn.model_selection import StratifiedKFold

    folds, seed, ls_lambda, threads = settings
    check_folds(y, folds)
    classes = int(y.max()) + 1
    rows = []
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, y)
    for fold, (train, test) in enumerate(parts):
        generated = list(_generated(x[train], y[train], methods, seed, ls_lambda, threads))
        candidates = [entry.candidate for entry in generated]
        for number, scoring, scores in evaluate_each(
            x[test], y[test], classes, candidates, fm_classifier=fm_classifier
        ):
            entry = generated[number]
            proxies = len(entry.candidate.labels)
            for method in entry.methods:
                if method.scoring == scoring:
                    rows.append(
                        {
                            **method.columns(),
                            "fold": fold,
                            "name": name_of(method),
                            "reference": is_reference(method),
                            "accuracy": scores.accuracy,
                            "proxies": proxies,
                            "bytes": proxies * x.shape[1] * np.float32().nbytes,
                            "seconds": entry.seconds,
                        }
                    )
    return pd.DataFrame(rows).astype({"k": "Int64", "m": "Int64"})


def _ranked(frame: pd.DataFrame, keys: list[str], folds: int) -> pd.DataFrame:
    """A row for each of the keys, best first, with its difference to the best."""
    groups = frame.groupby(keys, sort=False, dropna=False)
    ranked = groups.agg(
        name=("name", "first"),
        reference=("reference", "first"),
        accuracy=("accuracy", "mean"),
        proxies=("proxies", "mean"),
        bytes=("bytes", "mean"),
        seconds=("seconds", "mean"),
    ).reset_index()
    of_folds = frame.assign(method=groups.ngroup()).pivot(
        index="method", columns="fold", values="accuracy"
    )
    best_first = ["accuracy", "proxies"]
    ranked = ranked.sort_values(best_first, ascending=[False, True], kind="stable")
    behind = (of_folds - of_folds.loc[ranked.index[0]]).loc[ranked.index].to_numpy()
    half = stdtrit(folds - 1, 0.975) * behind.std(axis=1, ddof=1)
    half *= np.sqrt(1 / folds + 1 / (folds - 1))
    ranked["difference"] = behind.mean(axis=1)
    ranked["low"], ranked["high"] = ranked["difference"] - half, ranked["difference"] + half
    ranked["bytes"] = ranked["bytes"].round().astype(int)
    ranked.insert(0, "rank", ranked["accuracy"].rank(ascending=False, method="min").astype(int))
    return ranked.reset_index(drop=True)


def name_of(method: Configuration) -> str | None:
    """The label of a named method; None for any other."""
    for preset in PRESETS.values():
        if preset.configuration == method:
            return preset.label
    return None


def verdict(table: pd.DataFrame) -> str:
    """What a comparison of heads says, in a few sentences: the best, which are level with it, which are not.

    table: of `compare_heads`, whose named methods are told, or of `compare_fms`: each FM with its best method.
    """
    best = table.iloc[0]
    several_fms = "fm" in table
    told = table[~table["fm"].duplicated()] if several_fms else table[table["name"].notna()]
    others = told[told.index != table.index[0]]
    names = [row["fm"] if several_fms else row["name"] for _, row in others.iterrows()]
    is_level = (others["high"] >= 0).tolist()
    level = [name for name, near in zip(names, is_level, strict=True) if near]
    below = [
        f"{name} by {-100 * points:.1f} points"
        for name, near, points in zip(names, is_level, others["difference"], strict=True)
        if not near
    ]
    fm = f"{best['fm']} with " if several_fms else ""
    text = f"Best here: {fm}{_in_words(best)}, {100 * best['accuracy']:.1f}%."
    if level:
        text += f" Level with it, as far as these images tell: {', '.join(level)}."
    if below:
        text += f" Below it: {', '.join(below)}."
    return text


def _in_words(row: pd.Series) -> str:
    if row["name"] is not None and row["name"] == row["name"]:
        return str(row["name"])
    norms = "/".join(row[f"norm_{step}"] for step in ("pre", "post", "inf"))
    k = "" if row["k"] is None or row["k"] != row["k"] else f" k={row['k']}"
    return f"{row['gen']}{k}, NORM {norms}, {row['agg']} {row['distance']}"


def check_folds(y: np.ndarray, folds: int) -> None:
    """Check that each label 0..C-1 stands at least `folds` times in y (n,); a `UserError` if not."""
    counts = np.bincount(y)
    if folds < 2 or counts.min() < folds:
        raise UserError(
            f"{folds} folds need that many samples of each class and at least 2; the smallest class has {counts.min()}"
        )


@dataclass(frozen=True)
class _Generated:
    """A proxy set, the methods that use it, and the seconds that it took."""

    candidate: Candidate
    methods: list[Configuration]
    seconds: float


def _generated(
    x: np.ndarray,
    y: np.ndarray,
    methods: Sequence[Configuration],
    seed: int,
    ls_lambda: float,
    threads: int,
) -> Iterator[_Generated]:
    """Each proxy set once."""
    users: dict[tuple[str, str], dict[int, list[Configuration]]] = {}
    for method in methods:
        k = method.k.k if isinstance(method.k, Fixed) else ANY_K
        of_gen = users.setdefault((method.norm_pre, method.gen), {})
        of_gen.setdefault(k, []).append(method)
    norms = FittedNorms(x, y)
    for (norm_pre, gen), by_k in users.items():
        normalised = norms.of_embeddings(norm_pre, x)
        sets = proxy_sets(normalised, y, gen, by_k, [seed], ls_lambda=ls_lambda, threads=threads)
        for k, of_k in by_k.items():
            proxies = sets[k, seed]
            scorings = tuple(dict.fromkeys(method.scoring for method in of_k))
            of_set = candidate(proxies, x, norm_pre, scorings, norms)
            yield _Generated(of_set, of_k, proxies.seconds)
