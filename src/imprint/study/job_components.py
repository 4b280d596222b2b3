"""The components that a job uses: the user's files that it loads, and fingerprints of their code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from imprint.method.components import Component, components_of_proxies, components_of_scoring
from imprint.method.configuration import Configuration, Scoring
from imprint.study.cells import Cells
from imprint.study.fingerprint import component_fingerprint
from imprint.study.grid import Study


def of_proxies(cells: Cells, gen: str) -> dict[str, Component]:
    """The components of a proxy file of groups with these cells, by kind and name."""
    of_k = cells.proxy_seeds.get(gen, {}).values()
    return components_of_proxies(gen, sorted({norm for norms in of_k for norm in norms}))


def of_methods(methods: Iterable[Configuration]) -> dict[str, Component]:
    """The components of some methods, by kind and name."""
    methods = list(methods)
    named = of_scoring(methods)
    for gen in {method.gen for method in methods}:
        named |= components_of_proxies(gen, ())
    return named


def of_scoring(methods: Iterable[Configuration]) -> dict[str, Component]:
    """The components that score the proxies of some methods, by kind and name."""
    named: dict[str, Component] = {}
    scorings: set[tuple[str, Scoring]] = {(m.norm_pre, m.scoring._replace(m=None)) for m in methods}
    for norm_pre, scoring in scorings:
        named |= components_of_scoring(norm_pre, scoring)
    return named


def files(study: Study, named: Mapping[str, Component]) -> list[str]:
    """The user's files that register these components, as the study names them."""
    paths = {component.file for component in named.values()}
    return [file for file in study.config.components if str(Path(file).resolve()) in paths]


def codes(named: Mapping[str, Component]) -> dict[str, str]:
    """The fingerprints of these components."""
    return {
        name: component_fingerprint(f"imprint.{component.module}", component.file)
        for name, component in named.items()
    }
