"""GEN: how the proxies of a class are generated. Importing the package registers the generators it ships."""

from imprint.method.generate import centers, least_squares, samples
from imprint.method.generate.registry import GENERATORS, Generator, Random, generator

__all__ = ["GENERATORS", "Generator", "Random", "centers", "generator", "least_squares", "samples"]
