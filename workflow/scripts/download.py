"""Download one published dataset."""

import json
import os

from imprint.data import sources
from imprint.study.jobs.job import job
from imprint.study.output_cache import FOLDER

with job(snakemake):
    options = json.loads(snakemake.params.spec)
    shared = os.environ.get(FOLDER) or None
    sources.fetch(options.pop("source"), options, snakemake.output.folder, shared)
