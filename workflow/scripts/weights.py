"""Download the published weights of one FM."""

import json

from imprint.fm.models import fetch
from imprint.study.jobs.job import job

with job(snakemake):
    fetch(snakemake.output.weights, **json.loads(snakemake.params.spec))
