"""Pre-train one small FM."""

import json
from pathlib import Path

from imprint.data import sources
from imprint.fm.checkpoints import save
from imprint.fm.pretrain import pretrain
from imprint.study.jobs.job import job

with job(snakemake):
    images = sources.open_split(Path(snakemake.input.manifest).parent, "pretrain")
    state, facts = pretrain(
        images.array, images.labels, images.class_names, **json.loads(snakemake.params.spec)
    )
    save(snakemake.output.weights, state, facts)
