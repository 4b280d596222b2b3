"""IMPRINT: weight imprinting on frozen foundation models.

`snakemake --cores N` runs the study in config.yaml to results/report.html; `--config study=FILE` runs another.
"""

import atexit
import os
import re
import sys
from pathlib import Path

from imprint.config import load_for_workflow
from imprint.errors import UserError
from imprint.plots import FIGURES
from imprint.store import canonical
from imprint.tables import TABLES
from imprint.workflow.fingerprint import fingerprint
from imprint.workflow.job import end_at_once
from imprint.workflow.ready import ready
from imprint.workflow.sharing import FOLDER, origin, output_cache

try:
    study = load_for_workflow(workflow.overwrite_configfiles, workflow.config_settings.config)
    sharing = output_cache(os.environ)
    if workflow.is_main_process:
        ready(study.root)
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(1)

if sharing:  # as --cache does; jobs on a cluster are not told of it unless the rules are named
    workflow.workflow_settings.cache = ["weights", "pretrain", "embed"]

atexit.register(end_at_once)

selections = {name: study.selection(name) for name in study.config.experiments}

# what scripts read from it is not tracked: places of data, devices, what a digest among the params stands for, and
# how to start Snakemake again
config = study.config.model_dump(mode="json") | {
    "roots": study.roots(),
    "weights": study.fetched() + study.pretrained(),
    "shared": os.environ[FOLDER] if sharing else None,
    "selections": selections,
    "about": study.about(),
    "summary": study.summary(),
    "snakefile": workflow.main_snakefile,
    "configfiles": [str(path) for path in workflow.overwrite_configfiles],
    "overrides": dict(workflow.config_settings.config),
}


pathvars:
    results=study.config.results,
    logs=f"{study.config.results}/logs",


report: "workflow/report/workflow.rst"


localrules:  # on a cluster the network often ends at its login node
    all,
    study,
    report,
    download,
    weights,


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/proxies.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/collapse.smk"
include: "workflow/rules/summary.smk"
include: "workflow/rules/figures.smk"


rule all:
    """The whole study, to its report."""
    default_target: True
    input:
        "<results>/report.html",


rule study:
    """Everything that the report shows."""
    input:
        study_results(),


onstart:
    if (
        workflow.local_exec
    ):  # no queue to spare; a run would end by waiting out the last second of its limit
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    if (study.root / "report.html").exists():
        print(f"The report is {study.root}/report.html; open it in a browser.", file=sys.stderr)


onerror:
    print(f"Some jobs failed; what they said is above and in {study.root}/logs.", file=sys.stderr)
