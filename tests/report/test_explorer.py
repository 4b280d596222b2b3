"""The explorer in a real browser: it loads offline without a complaint, and each menu changes what it says it changes."""

import base64
import gzip
import io
import json
import re
from pathlib import Path

import altair as alt
import pandas as pd
import pytest
from jsonschema import ValidationError

from benchmarks.browser import CHROMIUM, Browser
from imprint.analysis.exploration import explored, in_words
from imprint.analysis.frames import compact
from imprint.report.drawing.looks import gen_look
from imprint.report.explorer import page
from imprint.store.block_cache import open_blocks

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "workflow/report/explore.html"
GLOSSARY = (ROOT / "workflow/report/glossary.rst").read_text(encoding="utf-8")
METHOD = {"norm_pre": "l2", "norm_post": "l2", "norm_inf": "l2", "agg": "max", "distance": "inner_product"}  # fmt: skip


def rows(gens=("kmeans", "fps"), ks=(1, 5, 10)):
    """Two FMs on two tasks; kmeans is best on net-a, fps on net-b, and both gain from proxies."""
    scores = [
        {
            "fm": fm, "task": task, "family": task, "d": None, "draw": 0, "shots": shots, "gen": gen, "k": k, **METHOD,
            "weighting": None, "m": None, "seed": seed,
            "accuracy": 0.5 + (k or 0) / 50 + 0.1 * (gen[0] == fm[-1]) + 0.05 * (task == "two") - 0.2 * (shots == "1"),
        }
        for fm in ("net-k", "net-f")
        for task in ("one", "two")
        for shots in ("1", "full")
        for gen in gens
        for k in ks
        for seed in (1, 2, 3)
    ]  # fmt: skip
    collapse = [
        {"fm": fm, "task": task, "family": task, "d": None, "draw": 0, "split": "train", "nc1": nc1}
        for fm, nc1 in (("net-k", 0.2), ("net-f", 2.0))
        for task in ("one", "two")
    ]
    return explored(compact(pd.DataFrame(scores)), compact(pd.DataFrame(collapse)))


def written(table, folder):
    named = {"Ours": in_words({**METHOD, "gen": "kmeans", "k": 5, "weighting": None, "m": None})}
    path = folder / "explore.html"
    html = page(table, TEMPLATE.read_text(encoding="utf-8"), named, GLOSSARY)
    path.write_text(html, encoding="utf-8")
    return path


def test_the_page_is_the_same_where_the_library_of_its_charts_was_kept(tmp_path):
    template, pages = TEMPLATE.read_text(encoding="utf-8"), []
    for damaged in (False, False, True):
        if damaged:
            content = (tmp_path / "b").read_bytes()
            (tmp_path / "b").write_bytes(content.replace(b"vega", b"xxxx"))
        with open_blocks(tmp_path / "b") as blocks:
            pages.append(page(rows(), template, {}, GLOSSARY, blocks))
    assert pages[0] == pages[1] == pages[2]


def rows_of(html):
    """The rows that a page holds."""
    data = base64.b64decode(re.search(r"base64,([\w+/=]{100,})", html)[1])
    return pd.read_csv(io.BytesIO(gzip.decompress(data)), sep="\t", dtype={"k": str})


def test_the_charts_satisfy_the_schema_of_their_library(tmp_path):
    html = written(rows(), tmp_path).read_text(encoding="utf-8")
    line = re.search(r"^  const charts = .*$", html, re.M)[0]
    for name in ("lines", "pairs", "gains"):
        chart, _ = json.JSONDecoder().raw_decode(line.partition(f" {name}: ")[2])
        alt.Chart.from_dict(chart)
        with pytest.raises(ValidationError):
            alt.Chart.from_dict({**chart, "height": "tall"})


def test_an_nc1_near_zero_is_not_rounded_to_it(tmp_path):
    table = rows()
    table["NC1"] *= 1.23456e-5
    html = written(table, tmp_path).read_text(encoding="utf-8")
    known = rows_of(html)["NC1"].dropna()
    assert sorted(set(known)) == pytest.approx([2.47e-6, 2.47e-5], rel=1e-9)


def test_a_gen_of_the_users_without_k_has_no_k(tmp_path):
    """The file that defines it is not loaded for the explorer."""
    table = rows(gens=["mine"], ks=[None])
    assert set(table["k"]) == {""}
    html = written(table, tmp_path).read_text(encoding="utf-8")
    assert "mine, NORM l2/l2/l2, AGG max" in html and "mine, k" not in html


def picture(name):
    """The words and shapes of a chart, as an expression of the page."""
    return f"document.querySelector('#{name} svg')?.outerHTML"


def choose(browser, chart, label, value):
    """Choose from the menu of a chart that has this label; the chart must change."""
    menu = f"[...document.querySelectorAll('#{chart}-menus .vega-bind')].find(bind => bind.innerText.startsWith('{label}')).querySelector('select')"
    browser.value(
        f"before = {picture(chart)}; menu = {menu}; "
        f"menu.selectedIndex = [...menu.options].findIndex(option => option.text.includes('{value}')); "
        "menu.dispatchEvent(new Event('change'))"
    )
    browser.wait(f"{picture(chart)} != before")
    return browser.value(picture(chart))


# names and colours of the legend of the lines
LEGEND = """
    [...document.querySelectorAll('#lines .role-legend-symbol path')].map((symbol, i) => [
        document.querySelectorAll('#lines .role-legend-label text')[i].textContent, symbol.getAttribute('stroke')])
"""
GRID = "document.querySelector('#grid_wrapper .dt-info')?.innerText ?? ''"


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
def test_the_page_opens_offline_and_every_menu_changes_its_chart(tmp_path):
    path = written(rows(), tmp_path)
    with Browser(700, seconds=120) as browser:
        browser.send("Network.enable")
        browser.send("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)  # fmt: skip
        browser.open(path)
        for name in ("lines", "pairs", "gains"):
            browser.wait(f"!!{picture(name)}")
        browser.wait(f"{GRID}.includes('48 entries')")

        # GENs have the colours of the figures
        colours = {gen: gen_look(gen).colour for gen in ("fps", "kmeans")}
        assert colours == dict(browser.value(LEGEND))
        browser.value("document.querySelector('#lines').scrollIntoView()")
        # a dot tells its numbers, and a name in the legend singles its line out
        x, y = browser.value("box = document.querySelector('#lines .mark-symbol path[aria-label*=kmeans]').getBoundingClientRect(); [box.x + box.width / 2, box.y + box.height / 2]")  # fmt: skip
        browser.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        browser.wait("!!document.querySelector('#vg-tooltip-element.visible')")
        told = browser.value("document.querySelector('#vg-tooltip-element').innerText")
        assert "kmeans" in told and "accuracy" in told and "lowest" in told
        before = browser.value(picture("lines"))
        x, y = browser.value("box = document.querySelector('#lines .role-legend-symbol path').getBoundingClientRect(); [box.x + box.width / 2, box.y + box.height / 2]")  # fmt: skip
        for event in ("mousePressed", "mouseReleased"):
            browser.send("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=1)  # fmt: skip
        browser.wait(f"{picture('lines')} != {json.dumps(before)}")
        assert 'opacity="0.1"' in browser.value(picture("lines"))

        choose(browser, "lines", "FM", "net-k")
        choose(browser, "lines", "task", "two")
        choose(browser, "lines", "GEN", "fps")
        by_shots = choose(browser, "lines", "horizontal axis", "shots")
        assert "training images per class" in by_shots and ">full<" in by_shots

        # of 4 dots, kmeans with k = 10 is above kmeans with k = 5 on all
        assert "B better on 4 of 4 dots" in choose(browser, "pairs", "B", "kmeans, k = 10")
        # fps is above kmeans with one of the FMs alone
        assert "B better on 2 of 4 dots, worse on 2" in choose(browser, "pairs", "B", "fps, k = 5")

        assert "gain on 4 of 4 dots" in browser.value(picture("gains"))
        assert "median difference +18.0" in choose(browser, "gains", "k", "10")
        choose(browser, "gains", "shots", "(any)")

        # where no dot is left, words say so
        words = "getComputedStyle(document.querySelector('#gains'), '::before').content"
        assert browser.value(words) == "none"
        browser.value("document.querySelectorAll('#gains .mark-symbol.role-mark path').forEach(dot => dot.remove())")  # fmt: skip
        assert "No row has all these values" in browser.value(words)

        browser.value("search = document.querySelector('#grid_wrapper input[type=search]'); search.value = 'fps'; search.dispatchEvent(new Event('input'))")  # fmt: skip
        browser.wait(f"{GRID}.includes('24 entries')")
        assert browser.value("document.documentElement.scrollWidth") <= 700
        # on a telephone all dots are on the screen
        browser.send("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False)  # fmt: skip
        browser.wait("Math.max(...[...document.querySelectorAll('.chart .mark-symbol path')].map(dot => dot.getBoundingClientRect().right)) < 400")  # fmt: skip
        assert browser.value("document.documentElement.scrollWidth") <= 400
    assert browser.console == []


def test_a_study_without_several_proxies_says_that_there_is_no_gain(tmp_path):
    html = written(rows(gens=["mean"], ks=[1]), tmp_path).read_text(encoding="utf-8")
    assert "No GEN of this study was run with k = 1 and with a larger k." in html


def test_the_page_is_little_code_of_our_own():
    """Libraries draw, filter and sort; what the page needs beside them stays short."""
    files = (ROOT / "src/imprint/report/explorer.py", TEMPLATE)
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) <= 300
