"""Shots: the number of training samples per class, as text, or `full` for all samples."""

from __future__ import annotations

from collections.abc import Iterable

ALL_SHOTS = "full"


def most_shots(shots: Iterable[str]) -> str:
    """The most of some shots; `full` is more than any number."""
    return max(shots, key=lambda each: float("inf") if each == ALL_SHOTS else int(each))


def training_seed(shots: str, seed: int | None) -> int | None:
    """The seed that draws a training set: with all samples, all seeds share one set, that of None."""
    return None if shots == ALL_SHOTS else seed
