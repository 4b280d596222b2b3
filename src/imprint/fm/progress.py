"""Progress of a long job: a bar on a terminal, and a line now and then in the log."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

log = logging.getLogger("imprint")

_EVERY = 30  # seconds between two lines of the log


class Progress:
    """A context that counts samples.

    Attributes
    ----------
    total : int
        All samples.
    before : int
        Those that an earlier run finished.
    done : int
        Those that are finished now.

    Notes
    -----
    The last line of the log carries `measured`, images and seconds, for `imprint.store.measurements`.
    """

    def __init__(self, total: int, before: int = 0) -> None:
        self.total, self.before, self.done = total, before, before
        self._first: tuple[int, float] | None = None

    def __enter__(self) -> Progress:
        self._start = self._logged = time.monotonic()
        self._bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, initial=self.before, unit="image", smoothing=0.05)
        return self

    def advance(self, count: int) -> None:
        """Count more samples as done."""
        self.done += count
        if self._first is None:
            self._first = self.done, time.monotonic()
        if self._bar is not None:
            self._bar.update(count)
        if time.monotonic() - self._logged >= _EVERY:
            self._logged = time.monotonic()
            rate = (self.done - self.before) / (self._logged - self._start)
            left = (self.total - self.done) / rate
            log.info(
                "%d of %d images, %.1f a second, %.0f s left", self.done, self.total, rate, left
            )

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self.done == self.total and self.done > self.before:
            images, seconds = self.done - self.before, time.monotonic() - self._start
            log.info(
                "%d images in %.1f s, %.1f a second",
                images,
                seconds,
                images / seconds,
                extra={
                    "measured": self._after_first_batch() or {"images": images, "seconds": seconds}
                },
            )

    def _after_first_batch(self) -> dict[str, float] | None:
        """Images and seconds without the first batch, in which a model is still starting up."""
        if self._first is None or self._first[0] == self.done:
            return None
        first, then = self._first
        return {"images": self.done - first, "seconds": time.monotonic() - then}
