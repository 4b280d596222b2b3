"""The opening of the report."""

from pathlib import Path

import docutils.core

from imprint.report.opening import opening

TEMPLATE = Path(__file__).parents[2] / "workflow/report/report.rst"


def test_the_opening_lists_what_won_and_says_what_was_run():
    summary = [
        "Run: 12 cells.",
        "Named methods, over 4 (FM, task): Qi 80.1.",
        "Best mean accuracy of the 3: mean.",
    ]
    overview = dict.fromkeys(("fms", "tasks", "datasets"), "some")
    text = opening(TEMPLATE.read_text(encoding="utf-8"), summary, overview | {"fms": "net"})
    page = docutils.core.publish_doctree(text, settings_overrides={"halt_level": 2})
    items = [node.astext() for node in page.findall(docutils.nodes.list_item)]
    assert items[:2] == summary[1:]
    strong = [node.astext() for node in page.findall(docutils.nodes.strong)]
    assert {"Named methods", "Best mean accuracy"} <= set(strong)
    words = page.astext()
    assert words.index("What it is about") < words.index("Named methods"), "terms come first"
    assert "net on some (data: some). 12 cells." in page.astext()


def test_names_are_not_taken_for_markup():
    """A name that ends in an underscore would be a reference, one between stars emphasis."""
    summary = ["Run: 12 cells of vit_.", "Named methods, with vit_ on *4* tasks: a|b| `c`."]
    overview = dict.fromkeys(("tasks", "datasets"), "some")
    text = opening(TEMPLATE.read_text(encoding="utf-8"), summary, overview | {"fms": "vit_"})
    page = docutils.core.publish_doctree(text, settings_overrides={"halt_level": 2})
    assert summary[1] in [node.astext() for node in page.findall(docutils.nodes.list_item)]
    assert "vit_ on some (data: some). 12 cells of vit_." in page.astext()
