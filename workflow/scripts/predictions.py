"""Predict the test samples of one task as one cell does."""

import json

from imprint.method.user_files import load_file
from imprint.store.files import provenance_json
from imprint.store.frames import write_parquet
from imprint.study.jobs.job import job
from imprint.study.jobs.predictions import predictions
from imprint.study.jobs.shown_cell import read_inputs

with job(snakemake) as report:
    spec = json.loads(snakemake.params.spec)
    for file in snakemake.params.components:
        load_file(file)
    inputs = read_inputs(snakemake.input, snakemake.params.gens, spec)
    frame, description = predictions(*inputs, spec)
    write_parquet(snakemake.output.table, frame, provenance_json(about=description))
    accuracy = description["accuracy"]
    report(f"{description['configuration']}, seed {description['seed']}, accuracy {accuracy:.4f}")
