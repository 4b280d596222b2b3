"""Describe the FMs of the study."""

from imprint.formatting import count
from imprint.store.files import provenance_json
from imprint.store.frames import write_parquet
from imprint.study.jobs.fms import describe_fms
from imprint.study.jobs.job import job

with job(snakemake) as report:
    table = describe_fms(snakemake.input.files)
    write_parquet(snakemake.output.table, table, provenance_json(files=len(snakemake.input.files)))
    report(count(len(table), "FM"))
