"""IMPRINT: weight imprinting on frozen foundation models.

`snakemake --cores N` runs the study in config.yaml to results/report.html; `--config study=FILE` runs another, and
`snakemake --cores N EXPERIMENT` one experiment of it.
"""

import atexit
import os
import re
import signal
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from imprint.data.registry import SPLITS
from imprint.data.sources import SOURCES
from imprint.errors import UserError
from imprint.fm.models import FM_SOURCES
from imprint.formatting import count
from imprint.method.aggregations import AGGREGATIONS
from imprint.method.generate import GENERATORS
from imprint.method.large_arrays import LARGE
from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES
from imprint.store import paths
from imprint.store.block_cache import blocks_file
from imprint.store.class_fits import class_fits_folder
from imprint.store.files import canonical
from imprint.store.records import read_record
from imprint.study import inputs, job_components, page, running, selections, shown, specs
from imprint.study.contents import have_changed
from imprint.study.fingerprint import fingerprint
from imprint.study.grid import Group
from imprint.study.jobs.job import end_at_once
from imprint.study.load import load_for_workflow
from imprint.study.output_cache import origin, output_cache
from imprint.study.outdated import NOT_COUNTED, Records, spec_digest
from imprint.study.parsed_code import PARSED
from imprint.study.startup import check_startup, future_files

started = time.time()
try:
    study = load_for_workflow(config)
    sharing = output_cache(os.environ)
    check_startup(study.root)
    records = Records(study.root)
    records.refresh()
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(1)

atexit.register(end_at_once)
atexit.register(PARSED.keep)


pathvars:
    results=study.config.results,
    logs=f"{study.config.results}/{paths.LOGS}",


report: str(paths.report_text(study.root).absolute())


localrules:  # compute nodes of a cluster often have no network
    all,
    study,
    report,
    experiment_report,
    workflow_report,
    download,
    weights,


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/proxies.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/collapse.smk"
include: "workflow/rules/summary.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/explorer.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/one_task.smk"
include: "workflow/rules/heads.smk"
include: "workflow/rules/report.smk"


rule all:
    """The whole study and its report."""
    default_target: True
    input:
        # all named here: a lost file that only finished jobs need would not be made again
        study_results(),
        paths.summary_file(results),
        paths.report_file(results),
        paths.workflow_report_file(results),
    message:
        "the whole study"


rule study:
    """Everything that the report shows."""
    input:
        study_results(),
    message:
        "all that the report shows"


onstart:
    try:
        running.begin(study.root)
        records.begin()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except OSError as error:  # such as a full disk
        with suppress(OSError):
            running.end(study.root)
        print(
            f"{error.filename or study.root}: {error.strerror}; nothing was computed",
            file=sys.stderr,
        )
        sys.exit(1)
    running.handle_in_a_thread(signal.SIGTERM)


onsuccess:
    if others := records.end():
        print(
            f"The configuration was edited during the run, with {count(others, 'output')} made for the edited one: run again to "
            "make what the study needs",
            file=sys.stderr,
        )
    running.end(study.root)
    output_cache(os.environ)  # also makes the entries of this run read-only for others
    for file in running.new_pages(study.root, started):
        print(f"The report is {file}; open it in a browser.", file=sys.stderr)


onerror:
    running.end(study.root)
    if advice := future_files(study.root):
        print(advice, file=sys.stderr)
