"""Map the test embeddings of one task and the proxies of one cell to the plane."""

from imprint.store.files import provenance_json
from imprint.store.frames import write_parquet
from imprint.study.jobs.job import job
from imprint.study.jobs.shown_cell import read_shown_cell
from imprint.study.jobs.tsne import tsne

with job(snakemake) as report:
    cell = read_shown_cell(snakemake.input, snakemake.params)
    table, description = tsne(cell)
    write_parquet(snakemake.output.table, table, provenance_json(about=description))
    report(f"{description['shown']} of {description['samples']} samples")
