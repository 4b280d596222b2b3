"""Generate the proxies of one GEN on one task."""

import json
from pathlib import Path

from imprint.data.pools import pool
from imprint.method.generate.registry import load_library_of
from imprint.method.user_files import load_file
from imprint.store.block_cache import open_blocks
from imprint.store.class_fits import ClassFits
from imprint.store.embeddings import read_embeddings
from imprint.store.files import provenance_json
from imprint.store.proxies import read_proxies, write_proxies
from imprint.study.jobs.job import job, loading
from imprint.study.jobs.proxies import make_proxies

with (
    job(snakemake) as report,
    open_blocks(snakemake.params.blocks) as blocks,
):
    spec = json.loads(snakemake.params.spec)
    for file in snakemake.params.components:
        load_file(file)
    with loading(load_library_of, spec["gen"]):
        train = pool([read_embeddings(path) for path in snakemake.input.train])
        files = snakemake.input.get("clusters")  # one, or none
        clusters = read_proxies(files[0]) if files else None
        code, component_codes = snakemake.params.code, json.loads(snakemake.params.component_codes)
        of_gen = f"{code} {component_codes['GEN ' + spec['gen']]}"
        stored = ClassFits(Path(snakemake.params.classes), spec["gen"], of_gen)
        sets, work = make_proxies(
            train,
            spec,
            clusters,
            snakemake.threads,
            blocks,
            code,
            component_codes,
            stored,
            snakemake.resources.device,
        )
    write_proxies(snakemake.output.proxies, sets, provenance_json(spec=spec))
    report(f"proxy sets: {work}")
