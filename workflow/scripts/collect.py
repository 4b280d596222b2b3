"""Put the tables of all tasks together."""

from imprint import store
from imprint.grid.tidy import collect
from imprint.workflow.job import job

with job(snakemake) as did:
    table = collect([store.read_parquet(path) for path in snakemake.input])
    store.write_parquet(snakemake.output.table, table, store.provenance(files=len(snakemake.input)))
    did(f"{len(table)} rows from {len(snakemake.input)} files")
