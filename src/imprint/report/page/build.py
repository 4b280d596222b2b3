"""Building the report."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from imprint.report.page.items import Item, Section, embedded, read_picture, read_table
from imprint.report.page.prose import Prose
from imprint.store import paths
from imprint.store.files import write_text
from imprint.store.version import __version__, installed_version

PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "torch", "timm", "matplotlib", "snakemake")


def build(
    path: str | Path,
    spec: Mapping[str, Any],
    results: str | Path,
    templates: str | Path,
    command: str,
    opening: str = "",
) -> None:
    """Write the report, or the part of it that shows one experiment.

    It is built from the files of figures and tables, without reading scores.

    Parameters
    ----------
    path : path
        The HTML file.
    spec : mapping
        `title` and, for each experiment, one of `sections`: `name`, `title`, `about`, `figures` and `tables`. Figures and
        tables have `name`, `title` and, for their captions, `settings` and `selection` as in the rules. A figure of one task
        also has `fm` and `task`; a table has `leading`, the columns to show first, and `beside`, the figures that it follows.
    results : path
        The folder of the results.
    templates : path
        The folder of page.html, page.css, page.js, glossary.rst and the captions.
    command : str
        The command that computes the study.
    opening : str
        What was run and what won, as reStructuredText; empty for the page of one experiment.
    """
    from itables import options

    path, results = Path(path).absolute(), Path(results).absolute()
    bundle = Path(options.dt_bundle)
    page = _Page(path, results, Path(templates))
    installed = {name: version for name in PACKAGES if (version := installed_version(name))}
    html = page.template("page.html").render(
        title=spec["title"],
        opening=page.prose.html(opening),
        sections=[page.section(entry) for entry in spec["sections"]],
        terms=page.prose.terms,
        date=time.strftime("%Y-%m-%d %H:%M"),
        version=__version__,
        versions={"Python": platform.python_version(), **installed},
        command=command,
        whole=page.link_if_there(paths.report_file(results)),
        explorer=page.link_if_there(paths.explorer_file(results)),
        workflow=page.link(paths.workflow_report_file(results)),
        grid_style=embedded(bundle.with_suffix(".css"), "text/css"),
        grid_code=embedded(bundle, "text/javascript"),
    )
    write_text(path, html)


class _Page:
    """The sections, captions and links of one page."""

    def __init__(self, path: Path, results: Path, templates: Path) -> None:
        self.path, self.results = path, results
        self.template = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        ).get_template
        self.prose = Prose((templates / "glossary.rst").read_text(encoding="utf-8"))

    def section(self, entry: Mapping[str, Any]) -> Section:
        """The section of an experiment."""
        self.prose.new_section()
        name = entry["name"]
        items, left = [], list(entry["tables"])
        for number, figure in enumerate(entry["figures"]):
            items.append(self._figure(name, figure))
            later = {other["name"] for other in entry["figures"][number + 1 :]}
            for table in [table for table in left if figure["name"] in table["beside"]]:
                if not later & set(table["beside"]):  # after the last of its figures
                    items.append(self._table(name, table))
                    left.remove(table)
        items += [self._table(name, table) for table in left]
        return Section(f"experiment/{name}", entry["title"], entry["about"], items)

    def _figure(self, experiment: str, spec: Mapping[str, Any]) -> Item:
        places = [spec[key] for key in ("fm", "task") if key in spec]
        name = "/".join([*places, spec["name"]])
        png, pdf = (
            paths.figure_file(self.results, experiment, name, suffix) for suffix in ("png", "pdf")
        )
        return Item(
            anchor=f"{experiment}/figure/{name}",
            title=": ".join([spec["title"], *filter(None, [" on ".join(places)])]),
            caption=self._caption("figures", experiment, spec),
            files={"PDF": self.link(pdf), "PNG": self.link(png)},
            picture=read_picture(png),
        )

    def _table(self, experiment: str, spec: Mapping[str, Any]) -> Item:
        csv, markdown, latex = (
            paths.table_file(self.results, experiment, spec["name"], suffix)
            for suffix in ("csv", "md", "tex")
        )
        files = {"CSV": csv, "Markdown": markdown, "LaTeX": latex}
        return Item(
            anchor=f"{experiment}/table/{spec['name']}",
            title=spec["title"],
            caption=self._caption("tables", experiment, spec),
            files={name: self.link(file) for name, file in files.items()},
            table=read_table(csv, spec["leading"]),
        )

    def _caption(self, folder: str, experiment: str, spec: Mapping[str, Any]) -> str:
        """A caption as HTML; it is a template as in Snakemake's own report."""
        wildcards = SimpleNamespace(experiment=experiment, **spec)
        params = SimpleNamespace(
            figure=spec["name"],
            table=spec["name"],
            settings=spec["settings"],
            selection=spec["selection"],
        )
        template = self.template(f"{folder}/{spec['caption']}.rst")
        text = template.render(snakemake=SimpleNamespace(wildcards=wildcards, params=params))
        return self.prose.html(text, title_ends=f"experiment {experiment}).")

    def link(self, target: Path) -> str:
        """The address of a file relative to the page."""
        return Path(os.path.relpath(target, self.path.parent)).as_posix()

    def link_if_there(self, target: Path) -> str | None:
        """The address of another page; None if it does not exist."""
        return self.link(target) if target.exists() and target != self.path else None
