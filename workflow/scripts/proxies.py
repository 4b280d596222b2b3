"""Generate the proxies of one GEN and k on one task."""

import json

from imprint import store
from imprint.data.tasks import pool
from imprint.grid.proxies import make_proxies
from imprint.workflow import job

with job(snakemake) as log:
    spec = json.loads(snakemake.params.spec)
    train = pool([store.read_embeddings(path) for path in snakemake.input.train])
    clusters = snakemake.input.get("clusters")
    sets = make_proxies(train, spec, store.read_proxies(clusters) if clusters else None, snakemake.threads)
    store.write_proxies(snakemake.output.proxies, sets, store.provenance(spec=spec))
    log.info("%d proxy sets, %d of them different", len(sets), len({id(made) for made in sets.values()}))
