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
    """

    def __init__(self, total: int, before: int = 0) -> None:
        self.total, self.before, self.done = total, before, before

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
            seconds = time.monotonic() - self._start
            log.info(
                "%d images in %.1f s, %.1f a second",
                self.done - self.before,
                seconds,
                (self.done - self.before) / seconds,
            )
