"""The report shows what is there, in the order of the study, and works in a browser without a network."""

import re
import shutil
from pathlib import Path

import pytest

from benchmarks.browser import CHROMIUM, Browser

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "workflow/report"
OPENING = """
A title
=======

- **Run**: 12 scores over 2 (FM, task).
"""
ROWS = [("mean", "", 30.5, 9), ("kmeans", "2", 20.25, 11), ("kmeans", "10", 9.5, 100)] * 6

PLAIN = {"settings": "{}", "selection": "{}"}  # of an experiment that sets nothing


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of two experiments: a figure, one that shows nothing, and a table of 18 rows."""
    from matplotlib.figure import Figure

    from imprint.report.drawing.saving import save
    from imprint.report.page import build

    results = tmp_path_factory.mktemp("results")
    for folder in ("figures/second", "tables/first"):
        (results / folder).mkdir(parents=True)
    save(Figure(figsize=(2, 1)), results / "figures/second/nc1_over_d")
    reason = "No task. Add one & run."
    save(Figure(figsize=(2, 1)), results / "figures/second/few_shot", empty=reason)
    lines = ["GEN,k,weighting,mean rank,mean (%),note"]
    lines += [f"{gen},{k},,{rank},{mean},{'' if i else 'One left out.'}" for i, (gen, k, rank, mean) in enumerate(ROWS)]  # fmt: skip
    (results / "tables/first/gen.csv").write_text("\n".join(lines) + "\n")
    spec = {
        "title": "Heads & proxies",
        "sections": [
            {
                "name": "second",
                "title": "A second look",
                "about": "Is NC1 low?",
                "figures": [
                    {"name": "nc1_over_d", "caption": "nc1_over_d", "title": "NC1 over d", **PLAIN},
                    {"name": "few_shot", "caption": "few_shot", "title": "Few shots", **PLAIN},
                ],
                "tables": [],
            },
            {
                "name": "first",
                "title": "First",
                "about": None,
                "figures": [],
                "tables": [
                    {
                        "name": "gen",
                        "caption": "component_ranking",
                        "title": "GENs",
                        "leading": ["mean rank", "mean (%)"],
                        "beside": [],
                        **PLAIN,
                    }
                ],
            },
            {
                "name": "empty",
                "title": "Empty",
                "about": None,
                "figures": [
                    {"name": "few_shot", "caption": "few_shot", "title": "Few shots", **PLAIN}
                ],
                "tables": [],
            },
        ],
    }
    shutil.copytree(results / "figures/second", results / "figures/empty")
    build(results / "report.html", spec, results, TEMPLATES, "snakemake --cores N", OPENING)
    return results / "report.html"


@pytest.fixture(scope="module")
def text(page):
    return page.read_text(encoding="utf-8")


def contents(text):
    return text[text.index('<nav id="contents"') : text.index("</nav>")]


def test_experiments_stand_in_the_order_of_the_study(text):
    assert re.findall(r"<h2>(.*?)</h2>", text)[:3] == ["A second look", "First", "Empty"]
    assert "Heads &amp; proxies</h1>" in text
    assert "Is NC1 low?" in text


def test_experiments_of_similar_names_have_different_addresses(tmp_path):
    from imprint.report.page import build

    names = ["a.b", "a-b", "A-b", "a_b", "a-b-"]
    sections = [{"name": name, "title": name, "about": None, "figures": [], "tables": []} for name in names]  # fmt: skip
    build(tmp_path / "report.html", {"title": "Names", "sections": sections}, tmp_path, TEMPLATES, "")  # fmt: skip
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(set(re.findall(r'<section id="(.*?)">', text))) == len(names) + 2


def test_contents_list_only_what_has_content(text):
    assert [name for name in ("NC1 over d", "Few shots", "GENs") if name in contents(text)] == [
        "NC1 over d",
        "GENs",
    ]
    assert ">Empty</a>" not in contents(text)


def test_a_figure_without_content_is_a_line_and_no_picture(text):
    assert text.count("Few shots: nothing to show. No task. Add one &amp; run.") == 2
    assert text.count("<img ") == 1


def test_captions_are_visible_and_terms_explained(text):
    assert text.count("How to read it.") == 2, "of the figure and the table"
    assert "(experiment" not in text, "the heading says it"
    assert '<a class="reference external term" href="#term-fm-task">(FM, task)</a>' in text
    assert 'id="term-fm-task"' in text


def test_columns_that_lead_come_first_and_empty_ones_not_at_all(text):
    headings = re.findall(r'<th scope="col" class="(\w+)">(.*?)</th>', text)
    assert headings == [
        ("number", "mean rank"),
        ("number", "mean (%)"),
        ("text", "GEN"),
        ("number", "k"),
    ]
    assert '<p class="note">One left out.</p>' in text


def test_texts_are_sorted_whatever_their_case_and_empty_ones_last(tmp_path):
    from imprint.report.page.items import read_table

    (tmp_path / "t.csv").write_text("method,n\nWhitened,10\n,\nkNN,9\nauto d10,\nauto d2,1\n")
    method, n = read_table(tmp_path / "t.csv").columns
    assert sorted(zip(method.order, method.cells, strict=True)) == list(
        enumerate(["auto d2", "auto d10", "kNN", "Whitened"])
    )
    assert [n.cells[n.order.index(rank)] for rank in sorted(set(n.order))] == ["1", "9", "10", ""]


def test_files_are_linked_beside_the_page_and_nothing_lies_elsewhere(text):
    links = set(re.findall(r'(?:href|src)="([^"#]+)"', text))
    local = {link for link in links if not link.startswith("data:")}
    assert {"figures/second/nc1_over_d.pdf", "tables/first/gen.csv"} <= local
    assert not any(re.match(r"\w+:|//", link) for link in local)
    assert "explore.html" not in text, "the study has no explorer"


def test_the_page_of_an_experiment_links_the_whole_report(page):
    from imprint.report.page import build

    results = page.parent
    one = results / "reports/first.html"
    (results / "explore.html").touch()
    try:
        build(one, {"title": "T", "sections": []}, results, TEMPLATES, "snakemake")
    finally:
        (results / "explore.html").unlink()
    assert 'href="../report.html"' in one.read_text()
    assert 'href="../explore.html"' in one.read_text()


COLUMN = (
    "[...document.querySelectorAll('table.grid tbody tr')].map(row => row.cells[%d].textContent)"
)
WIDE = "document.querySelector('.scroll').classList.contains('wide')"
SORTING = "document.querySelectorAll('table.grid thead th .dt-column-order')"
SEARCH = """
    search = document.querySelector('.dt-search input');
    search.value = '%s';
    search.dispatchEvent(new Event('input', {bubbles: true}))
"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
def test_in_a_browser_tables_are_searched_paged_and_sorted(page):
    with Browser(1400, seconds=120) as browser:
        browser.open(page)
        browser.wait("!!document.querySelector('.dt-search input')")
        assert len(browser.value(COLUMN % 3)) == 15, "a page of a long table"
        assert not browser.value(WIDE)
        browser.value("document.querySelector('.scroll').style.width = '80px'")
        browser.wait(WIDE)  # the page marks a table with hidden columns

        browser.value(SEARCH % "kmeans 10")
        browser.wait(f"{COLUMN % 3}.join() == '{','.join(['10'] * 6)}'")
        browser.value(SEARCH % "")
        browser.value(f"{SORTING}[1].click()")
        browser.wait(f"{COLUMN % 1}[0] == '9'")  # numbers are sorted by value
        browser.value(f"{SORTING}[3].click()")
        browser.wait(f"{COLUMN % 3}.slice(5, 8).join() == '2,10,10'")  # and empty ones are last
    assert browser.console == []
