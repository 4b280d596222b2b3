"""Predict the test samples of one task as one cell does."""

from imprint.store.files import provenance_json
from imprint.store.frames import write_parquet
from imprint.study.jobs.job import job
from imprint.study.jobs.predictions import predictions
from imprint.study.jobs.shown_cell import read_shown_cell

with job(snakemake) as report:
    cell = read_shown_cell(snakemake.input, snakemake.params)
    frame, description = predictions(cell)
    write_parquet(snakemake.output.table, frame, provenance_json(about=description))
    accuracy = description["accuracy"]
    report(f"{description['configuration']}, seed {description['seed']}, accuracy {accuracy:.4f}")
