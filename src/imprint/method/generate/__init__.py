"""GEN: how the proxies of a class are generated. Importing the package registers the built-in generators."""

from imprint.method.generate import auto, centers, least_squares, references, ridge, samples
from imprint.method.generate.randomness import Random
from imprint.method.generate.registry import GENERATORS, Generated, Generator, generator

__all__ = [
    "GENERATORS",
    "Generated",
    "Generator",
    "Random",
    "auto",
    "centers",
    "generator",
    "least_squares",
    "references",
    "ridge",
    "samples",
]
