"""Prepare one dataset."""

import json
from pathlib import Path

from imprint.data import sources
from imprint.workflow.job import job

with job(snakemake):
    options = json.loads(snakemake.params.spec)
    options.pop("files", None)  # which own images there are: a reason to run again, no option
    root = snakemake.config["roots"][snakemake.wildcards.dataset]  # no part of what the data are
    if root:
        options["root"] = root
    sources.prepare(options.pop("source"), options, Path(snakemake.output.manifest).parent)
