"""Predict the test samples of one task with one cell."""

from imprint.analysis.selection import method_in_words
from imprint.store.files import provenance_json
from imprint.store.frames import write_parquet
from imprint.study.jobs.job import job
from imprint.study.jobs.predictions import predictions
from imprint.study.jobs.shown_cell import read_shown_cell

with job(snakemake) as report:
    cell = read_shown_cell(snakemake.input, snakemake.params)
    frame, description = predictions(cell)
    write_parquet(snakemake.output.table, frame, provenance_json(about=description))
    method, accuracy = method_in_words(cell.configuration.columns()), description["accuracy"]
    report(f"{method}, seed {cell.seed}, accuracy {accuracy:.4f}")
