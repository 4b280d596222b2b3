"""The opening of the report."""

from pathlib import Path

import docutils.core

from imprint.report.opening import opening

TEMPLATE = Path(__file__).parents[2] / "workflow/report/report.rst"


def test_the_opening_lists_what_won_and_says_what_was_run():
    summary = [
        "Run: 12 cells.",
        "Named methods, over 4 (FM, task): Qi 80.1.",
        "Best of the 3: mean.",
    ]
    overview = dict.fromkeys(("runs", "fms", "tasks", "datasets", "seeds"), "some")
    text = opening(TEMPLATE.read_text(encoding="utf-8"), summary, overview | {"fms": "net"})
    page = docutils.core.publish_doctree(text, settings_overrides={"halt_level": 2})
    items = [node.astext() for node in page.findall(docutils.nodes.list_item)]
    assert items[:2] == summary[1:]
    strong = [node.astext() for node in page.findall(docutils.nodes.strong)]
    assert strong[:2] == ["Named methods", "Best"]
    assert "net on some (data: some). 12 cells." in page.astext()
