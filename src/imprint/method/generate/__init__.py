"""GEN: how the proxies of a class are generated. Importing the package registers the built-in generators."""

from imprint.method.generate import centers, chosen, least_squares, references, ridge, samples
from imprint.method.generate.randomness import Random
from imprint.method.generate.registry import GENERATORS, Generated, Generator, generator

__all__ = [
    "GENERATORS",
    "Generated",
    "Generator",
    "Random",
    "centers",
    "chosen",
    "generator",
    "least_squares",
    "references",
    "ridge",
    "samples",
]
