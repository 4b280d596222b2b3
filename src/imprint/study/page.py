"""The content of the report: its titles, figures and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES
from imprint.store.files import canonical
from imprint.study import selections, shown
from imprint.study.grid import Study


def content(study: Study, names: Iterable[str]) -> dict[str, Any]:
    """The content of the report for these experiments, see `imprint.report.page.build`."""
    sections = [_section(study, name) for name in names]
    filled = [section for section in sections if section["figures"] or section["tables"]]
    return {"title": study.config.title, "sections": filled}


def _section(study: Study, name: str) -> dict[str, Any]:
    experiment = study.config.experiments[name]
    # needed by captions of rankings, in the form that the rules of figures and tables have as params
    chosen = {
        "settings": canonical(selections.settings(study, name, ("rank_by", "of_paper"))),
        "selection": canonical(selections.selecting(study, name)),
    }
    figures = [
        {**_headed(FIGURES[figure]), **picture, **chosen}
        for figure in experiment.figures
        for picture in pictures(study, name, figure)
    ]
    tables = [
        {
            **_headed(entry),
            "leading": entry.leading,
            "beside": entry.beside or (entry.name,),
            **chosen,
        }
        for entry in map(TABLES.find, experiment.tables)
    ]
    return {
        "name": name,
        "title": experiment.title or in_words(name),
        "about": experiment.about,
        "figures": figures,
        "tables": tables,
    }


def _headed(entry: Any) -> dict[str, str]:
    """The name of a figure or table, its title and its caption."""
    return {"name": entry.name, "title": entry.title, "caption": entry.caption}


def in_words(name: str) -> str:
    """The name of an experiment as a heading: "few-shot" is "Few shot"."""
    words = re.sub(r"[-_]+", " ", name).strip()
    return words[:1].upper() + words[1:]


def pictures(study: Study, name: str, figure: str) -> list[dict[str, str]]:
    """The FM and task of each picture of a figure; a picture without them shows the whole experiment."""
    if not FIGURES[figure].shows_one_task:
        return [{}]
    return [{"fm": group.fm, "task": group.task} for group in shown.groups(study, name)]


def overview(study: Study) -> dict[str, str]:
    """The FMs, tasks and datasets that the experiments use, for the report."""
    tasks = [study.tasks[group.task] for group in study.groups]
    names = {
        "fms": [group.fm for group in study.groups],
        "tasks": [task.family for task in tasks],
        "datasets": [dataset for task in tasks for dataset in task.datasets],
    }
    return {key: ", ".join(dict.fromkeys(used)) for key, used in names.items()}
