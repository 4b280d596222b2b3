"""The user's files, those of components and the modules they import, that decide a job."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from imprint.method.configuration import Configuration
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS
from imprint.method.normalize import chain
from imprint.method.weightings import find_weighting
from imprint.study import shown
from imprint.study.grid import Group, Study


def files_of_proxies(study: Study, group: Group, gen: str) -> tuple[str, ...]:
    """The user's files that decide a proxy file."""
    norms = {norm for norms in study.proxy_seeds(group).get(gen, {}).values() for norm in norms}
    return _files_of([gen], norms)


def files_of_evaluation(study: Study, group: Group, agg: str) -> tuple[str, ...]:
    """The user's files that decide a score file, beside those that decide its proxies."""
    return _files_of_scoring(c for c in study.cells(group) if c.scoring.agg == agg)


def files_of_shown(study: Study, name: str) -> tuple[str, ...]:
    """The user's files that decide how the shown cell of an experiment predicts."""
    return _files_of_scoring(shown.methods(study, name))


def components_of(study: Study, configurations: Iterable[Configuration]) -> list[str]:
    """The components to load for these configurations."""
    configurations = list(configurations)
    gens = {configuration.gen for configuration in configurations}
    return components(study, (*_files_of(gens, ()), *_files_of_scoring(configurations)))


def components(study: Study, files: Iterable[str]) -> list[str]:
    """Files of the user's components, as the study names them."""
    files = set(files)
    return [file for file in study.config.components if str(Path(file).resolve()) in files]


def _files_of_scoring(configurations: Iterable[Configuration]) -> tuple[str, ...]:
    norms, distances, weightings = set(), set(), set()
    for configuration in configurations:
        scoring = configuration.scoring
        norms |= {configuration.norm_pre, scoring.norm_post, scoring.norm_inf}
        distances.add(scoring.distance)
        if scoring.weighting is not None:
            weightings.add(scoring.weighting)
    return _files_of((), norms, distances, weightings)


def _files_of(
    gens: Iterable[str],
    norms: Iterable[str],
    distances: Iterable[str] = (),
    weightings: Iterable[str] = (),
) -> tuple[str, ...]:
    """The user's files that registered these components."""
    files = {GENERATORS.find(gen).file for gen in gens}
    files |= {DISTANCES.find(distance).file for distance in distances}
    files |= {find_weighting(weighting)[0].file for weighting in weightings}
    for norm in norms:
        files |= set(chain(norm).files)
    return tuple(sorted(file for file in files if file))
