"""Download one published dataset."""

import json

from imprint.data import sources
from imprint.workflow.job import job

with job(snakemake):
    options = json.loads(snakemake.params.spec)
    sources.fetch(options.pop("source"), options, snakemake.output.folder, snakemake.config["shared"])
