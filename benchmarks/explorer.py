"""The page that explores all scores, for the paper's whole study with made-up accuracies: about 400,000 rows.

    python -m benchmarks.explorer [--config config/paper.yaml] [--page explore.html]

Prints the rows, the size of the file, the seconds and peak memory of writing it as in the workflow's job and, if Chromium is
installed, the seconds until all charts and the grid are drawn, and until a chart follows a menu. Bars: 20 MB, 60 s, 2 GB, 30 s.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.browser import CHROMIUM, Browser
from benchmarks.clock import peak_gib
from benchmarks.options import new_parser
from benchmarks.presentation import collapse_of, scores_of
from benchmarks.runs import ROOT
from imprint.analysis.exploration import explored, in_words
from imprint.method.presets import preset_rows
from imprint.report.explorer import page
from imprint.store.frames import read_parquet, write_parquet
from imprint.study.load import load

PARTS = ROOT / "workflow" / "report"
DRAWN = "document.querySelectorAll('.chart svg').length == document.querySelectorAll('.chart').length && document.querySelectorAll('#grid tbody tr').length > 1"
PICTURE = "document.querySelector('#lines svg').outerHTML"
CHANGE = "const menu = document.querySelector('#lines-menus select[name=of_FM]'); menu.selectedIndex += 1; menu.dispatchEvent(new Event('change'))"


def job(folder: Path, target: Path) -> None:
    """Do the work of the workflow's job; print its rows and peak memory."""
    table = explored(*(read_parquet(folder / f"{name}.parquet") for name in ("scores", "collapse")))
    methods = {preset["label"]: in_words(preset) for preset in preset_rows().values()}
    template, glossary = (
        (PARTS / name).read_text(encoding="utf-8") for name in ("explore.html", "glossary.rst")
    )
    target.write_text(page(table, template, methods, glossary), encoding="utf-8")
    print(len(table), 1024 * peak_gib())


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--config", default=str(ROOT / "config/paper.yaml"))
    parser.add_argument("--page", type=Path, help="file in which the page is kept")
    parser.add_argument("--job", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        job(*options.job)
        return
    study = load([options.config])
    with tempfile.TemporaryDirectory() as folder:
        scores = scores_of(study)
        write_parquet(Path(folder, "scores.parquet"), scores, "{}")
        write_parquet(Path(folder, "collapse.parquet"), collapse_of(study), "{}")
        target = options.page or Path(folder, "explore.html")
        command = [sys.executable, "-m", "benchmarks.explorer", "--job", folder, str(target)]
        start = time.perf_counter()
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds = time.perf_counter() - start
        rows, memory = output.split()
        print(f"{len(scores):,} scores, {int(rows):,} rows on the page")
        size = target.stat().st_size / 1e6
        print(
            f"written in {seconds:.1f} s, at most {float(memory):.0f} MB of memory: {size:.1f} MB"
        )
        if CHROMIUM is None:
            print("no Chromium on the PATH: not drawn")
            return
        with Browser() as browser:
            browser.open(target)
            print(f"drawn after {browser.wait(DRAWN):.1f} s")
            browser.value(f"before = {PICTURE}; {CHANGE}")
            print(f"a menu changes its chart in {browser.wait(f'{PICTURE} != before'):.1f} s")


if __name__ == "__main__":
    main()
