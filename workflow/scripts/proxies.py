"""Generate the proxies of one GEN and k on one task."""

import json

from imprint import store
from imprint.data.tasks import pool
from imprint.generate import load_file, load_library_of
from imprint.grid.proxies import make_proxies
from imprint.kept import keeping, place
from imprint.workflow.job import aside, job

with (
    job(snakemake) as did,
    keeping(place(snakemake.config["results"], snakemake.output.proxies)) as kept,
):
    spec = json.loads(snakemake.params.spec)
    for file in snakemake.config["generators"]:
        load_file(file)
    with aside(load_library_of, spec["gen"]):
        train = pool([store.read_embeddings(path) for path in snakemake.input.train])
        clusters = snakemake.input.get("clusters")
        given = store.read_proxies(clusters) if clusters else None
        sets, work = make_proxies(train, spec, given, snakemake.threads, kept, snakemake.params.code)
    store.write_proxies(snakemake.output.proxies, sets, store.provenance(spec=spec))
    did(f"proxy sets: {work}")
