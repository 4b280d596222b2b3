"""Clean jobs: what a script says goes to its log, how it ends to the terminal."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imprint.errors import NO_RIGHT, NO_ROOM, UserError

log = logging.getLogger("imprint")


WAYS_OUT = {
    "make room and run again, what is finished stays": NO_ROOM,
    "give this user the right to it, or another place (`results` in the configuration), and run again": NO_RIGHT,
}


@contextmanager
def job(snakemake: Any) -> Iterator[Callable[[str], None]]:
    """Run the body of a script: progress goes to the rule's log, as does the traceback of a failure.

    Gives a function to say in a few words what was done, for the log and for the job's line on the terminal. A `UserError` ends the job with its message alone, anything else with the last line of the traceback and the name
    of the log. Numerical libraries use as many threads as the rule asks for.
    """
    atexit.register(end_at_once)
    path = Path(str(snakemake.log[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    logging.raiseExceptions = (
        False  # a log that cannot be written, on a full disk, is told once: by the job's end
    )
    start = time.monotonic()
    done: list[str] = []

    def did(what: str) -> None:
        log.info("%s", what)
        done.append(what)

    try:
        with limited_threads(snakemake.threads):
            yield did
        seconds = time.monotonic() - start
        log.info("done in %.1f s", seconds)
        which = " ".join(map(str, snakemake.wildcards))
        line = "  ".join([f"{snakemake.rule:12} {which}", f"{seconds:.1f} s", *done])
        sys.stderr.write(line + "\n")  # in one piece, among those of other jobs
    except UserError as error:
        log.error("%s", error)
        _stop(f"{snakemake.rule}: {error}")
    except OSError as error:
        log.error("%s", traceback.format_exc())
        where = error.filename or ", ".join(map(str, snakemake.output))
        what = f"{snakemake.rule}: {where}: {os.strerror(error.errno or 0)}"
        way_out = next((text for text, numbers in WAYS_OUT.items() if error.errno in numbers), None)
        _stop(
            f"{what}; {way_out}" if way_out else f"{snakemake.rule}: OSError: {error} (traceback in {path})"
        )
    except Exception as error:
        log.error("%s", traceback.format_exc())
        _stop(f"{snakemake.rule}: {type(error).__name__}: {error} (traceback in {path})")
    finally:
        log.removeHandler(handler)
        handler.close()


@contextmanager
def aside(load: Callable[..., None], *given: Any) -> Iterator[None]:
    """Load libraries in a thread of its own while the body does other things, such as reading; waits for both.

    Nothing that they load is garbage, so none is searched for meanwhile.
    """

    def run() -> None:
        gc.disable()
        try:
            load(*given)
        finally:
            gc.enable()

    with ThreadPoolExecutor(1) as thread:
        loaded = thread.submit(run)
        yield
    loaded.result()


def end_at_once() -> None:
    """At the end of a process do without the search for garbage, which takes a fifth of a second.

    Extensions of torch would report what is not freed as a leak.
    """
    if "torch" not in sys.modules:
        gc.freeze()


def _stop(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.exit(1)


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Numerical libraries, loaded or to be loaded, keep to so many threads."""
    from threadpoolctl import threadpool_limits

    os.environ["NUMBA_NUM_THREADS"] = str(threads)
    with threadpool_limits(limits=threads):
        yield
