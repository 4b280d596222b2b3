"""Prepare one dataset."""

import json
from pathlib import Path

from imprint.data import sources
from imprint.study.contents import record_contents
from imprint.study.jobs.job import job

with job(snakemake) as report:
    options = json.loads(snakemake.params.spec)
    options.pop("files", None)  # a digest of the user's images, which only reruns the job
    root = json.loads(snakemake.resources.roots)[snakemake.wildcards.dataset]
    if root:
        options["root"] = root
    manifest = Path(snakemake.output.manifest)
    sources.prepare(options.pop("source"), options, manifest.parent)
    record_contents(manifest, root)
    if note := sources.read_manifest(manifest.parent).get(sources.COPIES):
        report(note)
