"""Figures of an experiment."""

for name in FIGURES.names(shows_one_task=False):

    rule:
        """One figure of one experiment: PNG and PDF."""
        name:
            f"figure_{name}"
        input:
            scores=shown_scores,
            collapse=shown_collapse,
            fms=[paths.all_fms(results)] if FIGURES[name].needs_fms else [],
            newer=newer_if_outdated(f"figure_{name}"),
        output:
            png=in_report(
                paths.figure_file(results, "{experiment}", name, "png"), "figure", FIGURES[name]
            ),
            pdf=paths.figure_file(results, "{experiment}", name, "pdf"),
        log:
            f"<logs>/figures/{{experiment}}/{name}.log",
        conda:
            "../../envs/base.yaml"
        resources:
            mem_mb=memory_mb(2000),
            runtime=minutes(10),
        params:
            figure=name,
            width=study.config.figure_width,
            selection=lambda w: selection_of(w.experiment),
            settings=settings_of(FIGURES[name].settings),
            code=code_of("figure", FIGURES[name].module),
        message:
            f"figure {name} of {{wildcards.experiment}}"
        script:
            "../scripts/figure.py"
