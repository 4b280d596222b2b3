"""The cells of one set of experiments: configurations and their seeds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from imprint.method.configuration import Configuration
from imprint.method.generate import GENERATORS
from imprint.store.files import canonical

# seeds of proxy files by GEN, label of k and NORMpre
ProxySeeds = dict[str, dict[str, dict[str, set[int]]]]


class Cells:
    """The configurations of all groups that the same experiments cover. Derived values are computed once.

    Parameters
    ----------
    seeds : mapping
        The seeds of each configuration, in order.
    """

    def __init__(self, seeds: Mapping[Configuration, tuple[int, ...]]) -> None:
        self.seeds = seeds

    @cached_property
    def by_agg(self) -> dict[str, Cells]:
        """The cells of each AGG, which are those of one score file."""
        seeds: dict[str, dict[Configuration, tuple[int, ...]]] = {}
        for configuration, of_configuration in self.seeds.items():
            seeds.setdefault(configuration.scoring.agg, {})[configuration] = of_configuration
        return {agg: Cells(of_agg) for agg, of_agg in seeds.items()}

    @cached_property
    def gens(self) -> list[str]:
        """The GENs whose proxies are scored."""
        return list(dict.fromkeys(configuration.gen for configuration in self.seeds))

    @cached_property
    def proxy_seeds(self) -> ProxySeeds:
        """The seeds of each k and NORMpre in each proxy file, including files whose clusters a GEN starts from."""
        of_files: ProxySeeds = {}
        for configuration, seeds in self.seeds.items():
            clusters = GENERATORS.find(configuration.gen).clusters
            for name in filter(None, (configuration.gen, clusters)):
                norms = of_files.setdefault(name, {}).setdefault(configuration.k.label, {})
                norms.setdefault(configuration.norm_pre, set()).update(seeds)
        return of_files

    @cached_property
    def text(self) -> str:
        """JSON: a list of configurations, each with its seeds."""
        return canonical(
            [
                {**configuration.as_dict(), "seeds": seeds}
                for configuration, seeds in self.seeds.items()
            ]
        )
