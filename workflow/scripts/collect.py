"""Join the tables of all tasks."""

from imprint.analysis.frames import collect
from imprint.formatting import count
from imprint.store.files import provenance_json
from imprint.store.frames import read_parquet, write_parquet
from imprint.study.jobs.job import job

with job(snakemake) as report:
    table = collect([read_parquet(path) for path in snakemake.input.files])
    write_parquet(snakemake.output.table, table, provenance_json(files=len(snakemake.input.files)))
    report(f"{count(len(table), 'row')} from {count(len(snakemake.input.files), 'file')}")
