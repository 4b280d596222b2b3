"""Find outdated outputs: those made for another configuration, or from other files, than the current ones.

Snakemake detects them among outputs that it made in this working directory. It does not check outputs that were copied or moved
here, that lost their `.snakemake`, or that jobs on a cluster finished while it was stopping, or made for a configuration that was
edited during the run: for these, records are compared instead. Files that Snakemake compares by time alone are always compared by
content.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from imprint.store.files import canonical, write_text
from imprint.store.paths import FOLDERS, record_file, results_id_file
from imprint.store.records import Record, read_record, sha256_of, state_of
from imprint.study import running

SNAKEMAKE = Path(".snakemake")
Span = tuple[float, float | None]
NOT_COUNTED = ("blocks", "classes", "origin", "results")  # locations, and the key of shared outputs


def spec_digest(rule: str, params: Mapping[str, Any]) -> str:
    """A digest of the parameters of a job, without those in `NOT_COUNTED`."""
    counted = {name: value for name, value in params.items() if name not in NOT_COUNTED}
    return hashlib.sha256(canonical([rule, counted]).encode()).hexdigest()[:16]


class Records:
    """The records of a study when its jobs are planned.

    Parameters
    ----------
    results : path
        The folder of the results.

    Attributes
    ----------
    known : bool
        Whether all results were made in this working directory, so that Snakemake has metadata of them.
    newest_file : str
        A file that is newer than any output, see `refresh`. It is an input of every job; all jobs ignore its time, except those
        of outdated outputs.
    """

    def __init__(self, results: str | Path) -> None:
        self._results = Path(results)
        name = hashlib.sha256(str(self._results).encode()).hexdigest()[:16]
        self._here = SNAKEMAKE / f"imprint-{name}"
        self._unfinished = SNAKEMAKE / f"imprint-{name}.unfinished"
        self.newest_file = str(SNAKEMAKE / f"imprint-{name}.now")
        ids = [_text(path) for path in (self._here, results_id_file(results))]
        metadata = SNAKEMAKE / "metadata"
        self._has_metadata = metadata.is_dir() and any(os.scandir(metadata))
        self.known = ids[1] in ids[0].split() and self._has_metadata
        self._empty = not any((self._results / folder).exists() for folder in FOLDERS)
        self._read = cache(read_record)
        self._unwatched = _spans(self._unfinished)
        self._begun = time.time()
        self._planned: dict[Path, Callable[[], str]] = {}

    def refresh(self) -> None:
        """Make `newest_file` newer than all outputs; during a run it stays as it is."""
        # Snakemake fails a job that ends with an input newer than its output
        at_work = running.state(self._results) is running.State.AT_WORK
        if not at_work or not Path(self.newest_file).exists():
            SNAKEMAKE.mkdir(exist_ok=True)
            Path(self.newest_file).write_text(str(time.time_ns()))

    def trigger(self, output: str | Path) -> str:
        """`newest_file`, for the job of an outdated output. An output from the future gets an earlier time, as it would seem newer."""
        newest = Path(self.newest_file).stat().st_mtime_ns
        if Path(output).stat().st_mtime_ns >= newest:
            with suppress(OSError):
                os.utime(output, ns=(newest - 10**9, newest - 10**9))
        return self.newest_file

    def begin(self) -> None:
        """Note that a run begins, and that all results are of this working directory if they are, or if there are none.

        The id of the results changes with each run. So an older copy that is put back, or results to which a run in another
        directory has added, are not taken for those that Snakemake knows here.
        """
        self._begun = time.time()
        if not any(end is None for _, end in self._unwatched):
            write_text(self._unfinished, json.dumps([*self._unwatched, (self._begun, None)]))
        new, of_results = uuid.uuid4().hex, results_id_file(self._results)
        of_results.parent.mkdir(parents=True, exist_ok=True)
        if not (self._empty or self.known):
            of_results.write_text(new)
            return
        # both, so that a kill between the writes leaves one that is known
        self._here.write_text(f"{_text(of_results)} {new}")
        of_results.write_text(new)
        self._here.write_text(new)

    def end(self) -> int:
        """Note that the run has ended with all jobs done, so that Snakemake knows all that they made.

        A job on a cluster reads the configuration when it starts, and Snakemake notes the parameters of the begin of the run. If
        some outputs were made with other parameters, nothing is noted, and records are compared.

        Returns
        -------
        int
            The number of such outputs.
        """
        if others := sum(self._was_made_otherwise(*planned) for planned in self._planned.items()):
            return others
        spans = _spans(self._unfinished)
        closed = [(start, self._begun if end is None else end) for start, end in spans]
        write_text(self._unfinished, json.dumps([span for span in closed if span[0] < span[1]]))
        return 0

    def _was_made_otherwise(self, output: Path, spec: Callable[[], str]) -> bool:
        """Whether this run made an output with other parameters than those of its plan."""
        try:
            if record_file(output).stat().st_mtime < self._begun - running.CLOCK_SKEW:
                return False
        except OSError:
            return False
        record = read_record(output)
        return record is not None and record.spec != spec()

    def outdated(self, output: str | Path, spec: Callable[[], str]) -> bool:
        """Whether an output exists but is not what the study needs.

        The first line that applies decides:

        =========================================================  ========
        the output does not exist: Snakemake makes it              no
        no record, in a folder in which Snakemake has run          no
        no record, a link into the output cache                    no
        no record otherwise: made by an older version              yes
        it, or a user's file that it was made from, has changed    yes
        it was made here, and the run ended: Snakemake checks it   no
        its parameters, or its other inputs, have changed          yes
        otherwise                                                  no
        =========================================================  ========

        Parameters
        ----------
        output : path
            The first output of a job.
        spec : callable
            Returns the `spec_digest` that its record should have.
        """
        output = Path(output)
        self._planned[output] = spec
        if not output.exists():
            return False
        record = self._read(output)
        if record is None:
            return not (self._has_metadata or output.is_symlink())
        if not self._is_whole(record) or self._has_changed_file(record):
            return True
        if self.known and not self._was_unwatched(output):
            return False
        return record.spec != spec() or not self._fits(record)

    def _was_unwatched(self, output: Path) -> bool:
        """Whether an output may have been made by a job of which Snakemake did not see the end."""
        if not self._unwatched:
            return False
        written = record_file(output).stat().st_mtime
        return any(
            start - running.CLOCK_SKEW <= written
            and (end is None or written <= end + running.CLOCK_SKEW)
            for start, end in self._unwatched
        )

    def lacks(self, output: str | Path) -> bool:
        """Whether an output exists without a record."""
        return Path(output).exists() and self._read(Path(output)) is None

    def _is_whole(self, record: Record) -> bool:
        """Whether existing outputs have their recorded sizes and, if they have no seal, their recorded content."""
        for name, size in record.outputs.items():
            with suppress(OSError):
                if (self._results / name).stat().st_size != size:
                    return False
        now = {name: sha256_of(self._results / name) for name in record.contents}
        return all(now[name] in ("", digest) for name, digest in record.contents.items())

    def _has_changed_file(self, record: Record) -> bool:
        """Whether a file outside the results has changed its content."""
        return any(
            (now := state_of(path)) != state and now and sha256_of(path) != digest
            for path, (state, digest) in record.files.items()
        )

    def _fits(self, record: Record) -> bool:
        """Whether it was made from the current results, and all its other files exist."""
        for name, digest in record.inputs.items():
            source = self._read(self._results / name)
            if source is not None and source.sha256 != digest:
                return False
        return all(Path(path).exists() for path in record.files)


def _spans(path: Path) -> list[Span]:
    """The spans without a good run: from the start of one that failed to that of the next good one; None if there is none yet."""
    try:
        return [(start, end) for start, end in json.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
