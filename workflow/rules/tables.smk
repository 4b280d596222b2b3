"""Tables of an experiment."""

for name, entry in TABLES.items():

    rule:
        """One table of one experiment: CSV, Markdown, LaTeX and HTML."""
        name:
            f"table_{name}"
        input:
            scores=shown_scores,
            collapse=shown_collapse,
            fms=[paths.all_fms(results)] if entry.needs_fms else [],
            newer=newer_if_outdated(f"table_{name}"),
        output:
            csv=paths.table_file(results, "{experiment}", name, "csv"),
            markdown=paths.table_file(results, "{experiment}", name, "md"),
            latex=paths.table_file(results, "{experiment}", name, "tex"),
            html=in_report(paths.table_file(results, "{experiment}", name, "html"), "table", entry),
        log:
            f"<logs>/tables/{{experiment}}/{name}.log",
        conda:
            "../../envs/base.yaml"
        resources:
            mem_mb=memory_mb(2000),
            runtime=minutes(10),
        params:
            table=name,
            selection=lambda w: selection_of(w.experiment),
            settings=settings_of(entry.settings),
            code=code_of("table", entry.module),
        message:
            f"table {name} of {{wildcards.experiment}}"
        script:
            "../scripts/table.py"
