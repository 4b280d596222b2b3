"""Say in a few lines what was run and what won."""

from imprint import store, summary
from imprint.presets import published
from imprint.workflow.job import job

with job(snakemake):
    scores, collapse = (
        store.read_parquet(path) for path in (snakemake.input.scores, snakemake.input.collapse)
    )
    with store.atomic(snakemake.output.text) as temporary:
        text = "\n".join(summary.lines(scores, collapse, published()))
        temporary.write_text(text + "\n", encoding="utf-8")
