"""Draw one figure of one FM and task."""

import json
from pathlib import Path

from imprint.report.drawing.saving import save
from imprint.report.figures import FIGURES
from imprint.store.frames import read_parquet, read_provenance
from imprint.study.jobs.job import job

with job(snakemake):
    names = {name: snakemake.wildcards[name] for name in ("fm", "task")}
    description = read_provenance(snakemake.input.table)["about"] | names
    images = {}
    if snakemake.input.manifests:
        from imprint.data.lookup import images_by_id

        roots = json.loads(snakemake.resources.roots)
        folders = [Path(manifest).parent for manifest in snakemake.input.manifests]
        images = {folder.name: images_by_id(folder, roots[folder.name]) for folder in folders}
    reasons = []
    figure = FIGURES[snakemake.params.figure].draw(
        read_parquet(snakemake.input.table),
        description,
        images,
        width=snakemake.params.width,
        missing=reasons.append,
    )
    save(figure, Path(snakemake.output.png).with_suffix(""), empty=" ".join(reasons))
