"""Checks of a configuration that need more than one of its keys.

Each check is a function of the key of an entry, the entry, and all sections, and yields problems. A new check is added
to the list of its section.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from imprint.study.checks import experiments, inputs, tasks
from imprint.study.problems import Problem
from imprint.study.sections import Sections

Check = Callable[[str, Any, Sections], Iterator[Problem]]

CHECKS: dict[str, tuple[Check, ...]] = {
    "fms": (
        inputs.pretraining_dataset,
        inputs.embeddings_files,
        inputs.checkpoint_file,
        inputs.packaged_weights,
    ),
    "datasets": (inputs.dataset_source, inputs.dataset_classes),
    "tasks": (
        tasks.task_datasets,
        tasks.one_choice_of_classes,
        tasks.task_classes,
        tasks.label_map,
        tasks.embedded_classes,
        tasks.family_classes,
        tasks.task_name,
    ),
    "experiments": (
        experiments.experiment_names,
        experiments.target,
        experiments.grid,
        experiments.saved_heads,
        experiments.held_out_samples,
        experiments.number_of_proxies,
        experiments.packages,
        experiments.usable_proxies,
        experiments.aggregations,
        experiments.norms,
        experiments.embeddings,
        experiments.fm_classifiers,
        experiments.shown_cell,
    ),
}


def problems(sections: Sections) -> list[Problem]:
    """All problems of a configuration beyond its form.

    The valid keys of an entry are checked even if others are invalid.
    """
    reported = {
        problem: None
        for section, checks in CHECKS.items()
        for name, entry in getattr(sections, section).items()
        for check in checks
        for problem in check(f"{section}.{name}", entry, sections)
    }
    # the value of a key that was left out is unknown
    return [problem for problem in reported if problem.key not in sections.incomplete]
