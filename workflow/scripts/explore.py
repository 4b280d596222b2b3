"""Write the page on which all scores can be explored."""

from pathlib import Path

from imprint.analysis.exploration import explored, in_words
from imprint.method.presets import preset_rows
from imprint.report.explorer import page
from imprint.store.block_cache import open_blocks
from imprint.store.files import write_text
from imprint.store.frames import read_parquet
from imprint.study.jobs.job import job

with job(snakemake), open_blocks(snakemake.params.blocks) as blocks:
    table = explored(*(read_parquet(snakemake.input[name]) for name in ("scores", "collapse")))
    template, glossary = (
        Path(snakemake.input[name]).read_text(encoding="utf-8") for name in ("template", "glossary")
    )
    methods = {preset["label"]: in_words(preset) for preset in preset_rows().values()}
    write_text(snakemake.output.html, page(table, template, methods, glossary, blocks))
