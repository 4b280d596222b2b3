"""Draw test images beside their nearest proxies."""

from pathlib import Path

from imprint import plots, store
from imprint.data.lookup import images_by_id
from imprint.workflow.job import job

with job(snakemake):
    about = store.read_provenance(snakemake.input.table)["about"]
    about |= {key: snakemake.wildcards[key] for key in ("fm", "task")}
    roots = snakemake.config["roots"]
    folders = {folder.name: folder for folder in (Path(path).parent for path in snakemake.input.manifests)}
    images = {name: images_by_id(folder, roots[name]) for name, folder in folders.items()}
    figure = plots.find("gallery").draw(
        store.read_parquet(snakemake.input.table), about, images, width=snakemake.params.width
    )
    plots.save(figure, Path(snakemake.output.png).with_suffix(""))
