"""How far a long job is: a bar on a terminal, and a line now and then in the log."""

import logging
import sys
import time

log = logging.getLogger("imprint")

_EVERY = 30  # seconds between two lines of the log


class Progress:
    """A context that counts samples. done: so many of `total`, `before` of them by an earlier run."""

    def __init__(self, total, before=0):
        self.total, self.before, self.done = total, before, before

    def __enter__(self):
        self._start = self._said = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, initial=self.before, unit="image", smoothing=0.05)
        return self

    def advance(self, count):
        self.done += count
        if self._bar is not None:
            self._bar.update(count)
        if time.monotonic() - self._said >= _EVERY:
            self._said = time.monotonic()
            rate = (self.done - self.before) / (self._said - self._start)
            left = (self.total - self.done) / rate
            log.info("%d of %d images, %.1f a second, %.0f s left", self.done, self.total, rate, left)

    def __exit__(self, *_):
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
