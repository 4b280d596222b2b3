"""The terminal output of a study: `--logger imprint`, which both profiles select.

It shows one line for each job that ends, with the time left, and the failures at the end. All other output is
Snakemake's own: `--quiet`, `--dry-run` and `--verbose` work as usual. An error in this module never ends a run:
Snakemake's own text is shown instead.
"""

from __future__ import annotations

import logging
import re
import shutil
import sys
import threading
import time
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from imprint.formatting import count
from imprint.study.tally import RunningJob, Tally

CHATTER = (  # lines of Snakemake that are left out
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Using shell: ",
    "Conda environments: ignored",
    "Group jobs: inactive",
    "Select jobs to execute",
    "Exiting because a job execution failed",
)
SILENT = {LogEvent.JOB_STARTED, LogEvent.RESOURCES_INFO, LogEvent.PROGRESS}
FAILED = "At least one job did not complete successfully"  # the list of failures says more
# Snakemake reports no error of such a job; on a slow file system its output appears late
WITHOUT_OUTPUT = re.compile(
    r"^ *Job (\d+) +completed successfully, but some output files are missing", re.M
)
NO_OUTPUT = "its output did not appear; if the file system is slow, set a longer `latency-wait`"
# the plugin for SLURM, when scontrol fails; if sacct then fails too, it never asks for these jobs again
NO_CONTROLLER = "Falling back to 'sacct' for status queries (MinJobAge=None"
LOST_JOBS = (
    "SLURM's controller did not answer. If the cluster has no accounting (sacct), Snakemake now no longer follows the running jobs "
    "and would wait for ever: when `squeue --me` lists none of them, press Ctrl-C and run the same command again. Finished work "
    "is kept."
)
QUIET_SECONDS = 60.0  # without output before a line lists the running jobs; more in a long run


class LogHandler(LogHandlerBase):
    """Writes to the terminal; `imprint.study.tally.Tally` composes the lines."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False  # Snakemake's filter is used, for --quiet
    has_formatter = False  # Snakemake's formatter is used, for all other records
    needs_rulegraph = False

    def __post_init__(self) -> None:
        settings = self.common_settings
        self._stream = sys.stdout if settings.stdout else sys.stderr
        self._plain = settings.dryrun or settings.verbose or settings.debug_dag
        self._on_terminal = self._stream.isatty()
        self._start = self._written = time.time()
        self._tally: Tally | None = None
        self._cores = ""
        self._members: set[int] = set()  # jobs of groups that failed
        self._exception = self._line = self._below = ""
        self._ended = threading.Event()

    def handle(self, record: logging.LogRecord) -> Any:
        """Note what is reported, whether or not it is shown."""
        if not self._plain:
            try:
                self._note(record, getattr(record, "event", None))
            except Exception:
                self._plain = True
        return super().handle(record)

    def _note(self, record: Any, event: LogEvent | None) -> None:
        if event == LogEvent.RESOURCES_INFO and hasattr(record, "cores"):
            self._cores = f" on {count(record.cores, 'core')}"
        elif event == LogEvent.RUN_INFO:
            counts = {rule: n for rule, n in record.stats.items() if rule != "total"}
            self._tally = Tally(counts, record.created)
            threading.Thread(target=self._watch, daemon=True).start()
        elif event == LogEvent.ERROR:
            last = record.getMessage().strip().splitlines()[-1]
            self._exception = last.rpartition("' ")[2]  # of "Command '...' died with ..."
            if self._tally and (without := WITHOUT_OUTPUT.search(record.getMessage())):
                self._tally.fail(int(without[1]), NO_OUTPUT, "")
        elif event == LogEvent.GROUP_ERROR:
            self._note_group(record)
        elif self._tally is None:
            return
        elif event == LogEvent.JOB_INFO:
            words = record.rule_msg or " ".join([record.rule_name, *record.wildcards.values()])
            log = record.log[0] if record.log else None
            self._members.discard(record.jobid)
            self._tally.start(
                record.jobid, RunningJob(record.rule_name, words, log, record.created)
            )
        elif event == LogEvent.JOB_FINISHED:
            self._line = self._tally.finish(record.job_id, record.created)
        elif event == LogEvent.JOB_ERROR and record.jobid not in self._members:
            message = record.rule_msg or self._exception
            job = self._tally.fail(record.jobid, message, record.log[-1] if record.log else "")
            if record.rule_msg or not job.reason:  # otherwise the job has printed it
                self._say(f"{job.words}: {self._tally.why(record.jobid)}")

    def _note_group(self, record: Any) -> None:
        """Note that a group failed; Snakemake then reports all its jobs as failed, also those that succeeded."""
        self._members |= {job["jobid"] for job in record.job_error_info}
        log = ", ".join(record.aux_logs)
        lines = [record.getMessage() + (f"; log: {log}" if log else "")]
        if self._tally:
            lines += self._tally.fail_group((job["jobid"] for job in record.job_error_info), log)
        self._say("\n  ".join(lines))

    def _say(self, text: str) -> None:
        """Write an error, unless `--quiet all`."""
        super().handle(logging.makeLogRecord({"levelno": logging.ERROR, "msg": text}))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, with the line of the tally if there is one."""
        try:
            self._write(self._words(record, getattr(record, "event", None)))
        except BrokenPipeError:  # the reader has closed the pipe
            pass
        except Exception:
            self.handleError(record)

    def _words(self, record: Any, event: LogEvent | None) -> str:
        text = self.format(record)
        if self._plain or text == "None":
            return "" if text == "None" else text
        if event == LogEvent.JOB_FINISHED:
            return self._line
        if event == LogEvent.RUN_INFO and self._tally:
            return f"{count(self._tally.total, 'job')} to do{self._cores}"
        if event == LogEvent.ERROR and (record.exception == "RuleException" or FAILED in text):
            return ""  # the job and the list of failures say why
        if NO_CONTROLLER in text:
            return f"{text}\n{LOST_JOBS}"
        return "" if event in SILENT or text.startswith(CHATTER) else text

    def _write(self, text: str) -> None:
        if text:
            self._clear()
            self._stream.write(text + "\n")
            self._stream.flush()
            self._written = time.time()

    def _clear(self) -> None:
        if self._below:
            self._stream.write("\r\x1b[K")
            self._below = ""

    def _watch(self) -> None:
        """Show the running jobs: on a terminal always, below the lines; in a file after a long time without a line."""
        while not self._ended.wait(1):
            with self.lock:  # type: ignore[union-attr]
                try:
                    self._say_what_runs(time.time())
                except Exception:
                    return

    def _say_what_runs(self, now: float) -> None:
        if self._on_terminal:
            self._clear()
            width = shutil.get_terminal_size().columns - 1
            self._below = self._tally.running(now)[:width] if self._tally else ""
            self._stream.write(self._below)
            self._stream.flush()
        elif now - self._written > max(QUIET_SECONDS, (now - self._start) / 10) and self._tally:
            self._write(self._tally.running(now))

    def close(self) -> None:
        """Write what failed and where the logs are."""
        if not self._ended.is_set():
            self._ended.set()
            self._clear()
            self._say("\n".join(self._tally.failures() if self._tally else []))
        super().close()
