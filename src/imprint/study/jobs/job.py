"""Run a job: its log, which the terminal also reads, its errors, threads and record."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import platform
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imprint.errors import NO_RIGHT, NO_ROOM, UserError
from imprint.interrupts import ignored_interrupts_again
from imprint.processor import wait_without_core
from imprint.store.files import remove_unfinished
from imprint.store.measurements import Collector, write_measurements
from imprint.store.records import make_record, write_record
from imprint.study import job_log
from imprint.study.jobs.parent import ends_with_parent
from imprint.study.outdated import spec_digest

log = logging.getLogger("imprint")

NEWER = "newer"  # the input that reruns outdated outputs, see `imprint.study.outdated`
USERS_FILES = ("weights", "model", "embeddings")  # inputs that may be files of the user

REMEDIES = {
    "free some space and run again; finished work is kept": NO_ROOM,
    "give this user permission, or choose another folder (`results` in the configuration), and run again": NO_RIGHT,
}


@contextmanager
def job(snakemake: Any) -> Iterator[Callable[[str], None]]:
    """Run the body of a script.

    Progress and the traceback of a failure go to the rule's log. A `UserError` ends the job with its
    message alone, any other error with its last line and the name of the log. Numerical libraries use
    the number of threads of the rule. The job removes the unfinished output of an earlier job that was killed,
    and ends if the run that started it is killed. Measurements, such as the speed of an FM, go to a file
    beside the first output, see `imprint.store.measurements`.

    Parameters
    ----------
    snakemake : object
        The object that Snakemake gives to a script.

    Yields
    ------
    callable
        Takes a short text on the result, for the log; the log's last line goes to the terminal.
    """
    atexit.register(end_at_once)
    wait_without_core()
    path = Path(str(snakemake.log[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter(job_log.FORMAT, job_log.TIME_FORMAT))
    measurements = Collector()
    handlers = handler, measurements
    for each in handlers:
        log.addHandler(each)
    level = log.level
    log.setLevel(logging.INFO)
    # a log that cannot be written (full disk) is reported once, at the end of the job
    logging.raiseExceptions = False
    start = time.monotonic()
    results: list[str] = []

    def report(words: str) -> None:
        log.info("%s", words)
        results.append(words)

    # an empty log would be that of a job that never began
    log.info("started on %s", platform.node())
    try:
        for output in snakemake.output:
            remove_unfinished(output)
        with (
            ignored_interrupts_again(),
            limited_threads(snakemake.threads),
            ends_with_parent(snakemake.rule),
        ):
            yield report
        for output in snakemake.output[:1]:
            write_measurements(output, measurements.values)
        if getattr(snakemake.input, NEWER, None):
            _record(snakemake, path)
        seconds = time.monotonic() - start
        log.info("%s", _usage())
        log.info("%s", job_log.Ending(seconds, snakemake.threads, "; ".join(results)))
    except KeyboardInterrupt:
        log.error("stopped before it was done")
        sys.exit(130)
    except UserError as error:
        if error.__cause__:  # of a user's component: its traceback may be needed
            log.error("%s", "".join(traceback.format_exception(error.__cause__)))
        log.error("%s", error)
        _stop(f"{snakemake.rule}: {error}")
    except OSError as error:
        log.error("%s", traceback.format_exc())
        reason = _in_words(error, snakemake.output, path)
        log.error("%s", reason)  # the last line is what the list of failed jobs shows
        _stop(f"{snakemake.rule}: {reason}")
    except Exception as error:
        log.error("%s", traceback.format_exc())
        _stop(f"{snakemake.rule}: {type(error).__name__}: {error} (traceback in {path})")
    finally:
        log.setLevel(level)
        for each in handlers:
            log.removeHandler(each)
            _close(each, snakemake.rule, path)


def _close(handler: logging.Handler, rule: str, log_path: Path) -> None:
    """Close a handler; a log that cannot be written is only reported, as the outputs of the job may be whole."""
    try:
        handler.close()
    except OSError as error:
        sys.stderr.write(f"{rule}: {_in_words(error, [log_path], log_path)}\n")


def _usage() -> job_log.Usage:
    """Processor time and memory of this process and its children."""
    of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return job_log.Usage(
        sum(each.ru_utime + each.ru_stime for each in of), max(each.ru_maxrss for each in of) / unit
    )


def _record(snakemake: Any, log_path: Path) -> None:
    """Write the record of a successful job."""
    outputs = list(snakemake.output)
    root = os.path.commonpath([outputs[0], log_path])
    files = [file for name in USERS_FILES for file in _listed(snakemake.input.get(name, []))]
    spec = spec_digest(snakemake.rule, dict(snakemake.params.items()))
    shards = len(snakemake.input.get("shards", ())) or 1
    write_record(outputs[0], make_record(spec, root, outputs, snakemake.input, files, shards))


def _listed(files: Any) -> list[str]:
    return [files] if isinstance(files, str) else list(files)


def _in_words(error: OSError, outputs: Iterable[Any], log_path: Path) -> str:
    """The message of a system error, with a remedy if one is known."""
    for remedy, numbers in REMEDIES.items():
        if error.errno in numbers:
            file = error.filename or ", ".join(map(str, outputs))
            return f"{file}: {os.strerror(error.errno or 0)}; {remedy}"
    return f"OSError: {error} (traceback in {log_path})"


@contextmanager
def loading(load: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Load libraries in a thread while the body runs, such as reading files; wait for both.

    Garbage collection is off meanwhile, as loading leaves no garbage.
    """

    def run() -> None:
        gc.disable()
        try:
            load(*arguments)
        finally:
            gc.enable()

    with ThreadPoolExecutor(1) as thread:
        loaded = thread.submit(run)
        yield
    loaded.result()


def end_at_once() -> None:
    """Skip the garbage collection at the end of a process, which takes a fifth of a second.

    Not with torch: its extensions would report unfreed objects as leaks.
    """
    if "torch" not in sys.modules:
        gc.freeze()


def _stop(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.exit(1)


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Limit numerical libraries, loaded now or later, to this number of threads."""
    from threadpoolctl import threadpool_limits

    os.environ["NUMBA_NUM_THREADS"] = str(threads)
    with threadpool_limits(limits=threads):
        yield
