"""Progress of a long job: a bar on a terminal, occasional lines elsewhere, such as in a file or a notebook."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from imprint.formatting import count, duration

log = logging.getLogger("imprint")

_EVERY = 30.0  # seconds between two lines; longer in a long job
_SHARE = 0.1  # share of all images after which a line is due earlier
_PAUSE = 5.0  # least seconds between two lines


class Progress:
    """A context that counts samples.

    Attributes
    ----------
    total : int
        Number of all samples.
    before : int
        Number of samples that an earlier run finished.
    done : int
        Number of samples finished so far.

    Notes
    -----
    If the log records INFO, as in the jobs of a study, the lines go there and there is no bar.
    The last record of the log carries `measured`, images and seconds, for `imprint.store.measurements`.
    """

    def __init__(self, total: int, before: int = 0) -> None:
        self.total, self.before, self.done = total, before, before
        self._first: tuple[int, float] | None = None

    def __enter__(self) -> Progress:
        self._start = self._reported_at = time.monotonic()
        self._reported = self.before
        self._bar: Any = None
        if sys.stderr.isatty() and not log.isEnabledFor(logging.INFO):
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
        now = time.monotonic()
        if self._is_due(now):
            self._reported, self._reported_at = self.done, now
            rate = (self.done - self.before) / (now - self._start)
            left = duration((self.total - self.done) / rate)
            self._report(f"{self.done} of {self.total} images, {rate:.1f} a second, {left} left")

    def _is_due(self, now: float) -> bool:
        """Whether a line is due."""
        seconds, images = now - self._reported_at, self.done - self._reported
        return self.done < self.total and (
            seconds >= max(_EVERY, (now - self._start) / 20)
            or (seconds >= _PAUSE and images >= _SHARE * self.total)
        )

    def _report(self, line: str, **measured: Any) -> None:
        """Log a line or, without a bar and after `_PAUSE` seconds, print it."""
        if log.isEnabledFor(logging.INFO):
            log.info("%s", line, extra=measured)
        elif self._bar is None and time.monotonic() - self._start >= _PAUSE:
            print(line, file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self.done == self.total and self.done > self.before:
            images, seconds = self.done - self.before, time.monotonic() - self._start
            self._report(
                f"{count(images, 'image')} in {seconds:.1f} s, {images / seconds:.1f} a second",
                measured=self._after_first_batch() or {"images": images, "seconds": seconds},
            )

    def _after_first_batch(self) -> dict[str, float] | None:
        """Images and seconds without the first batch, in which a model is still starting up; None if there is no other."""
        if self._first is None or self._first[0] == self.done:
            return None
        first, then = self._first
        return {"images": self.done - first, "seconds": time.monotonic() - then}
