"""Prepare one dataset."""

import json
from pathlib import Path

from imprint.data import sources
from imprint.workflow.job import job

with job(snakemake):
    options = json.loads(snakemake.params.spec)
    options.pop("files", None)  # which own images there are: a reason to run again, no option
    # where the data lie, and whether they may be fetched, is no part of what they are
    here = snakemake.config["datasets"][snakemake.wildcards.dataset]
    if "root" in here:
        options["root"] = here["root"]
    folder = Path(snakemake.output.manifest).parent
    sources.prepare(options.pop("source"), options, folder, download=here.get("download", False))
