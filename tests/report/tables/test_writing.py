"""Tables as files: numbers rounded for reading, notes, Markdown, HTML and LaTeX."""

import re

import pandas as pd
import pytest

from imprint.report.tables import TABLES
from imprint.report.tables.writing import save
from tests.report.tables.known import make_table, one_space


def test_saved_numbers_are_rounded_for_reading(tmp_path):
    frame = pd.DataFrame(
        {
            "mean (%)": [91.0649, 90.1],
            "nc1": [0.33333, None],
            "p": [1.234e-7, 1.0],
            "paper: p_holm": [0.0123, None],
            "gap": [12.345, 0.5],
            "rank_w": [64.0, 3.5],
            "median (s)": [0.0000123456, 4320.7],
        }
    )
    csv, markdown, page, latex = save(
        frame.assign(k=pd.array([5, pd.NA], dtype="Int64")), tmp_path / "run.v1"
    )
    assert csv.read_text() == (
        "mean (%),nc1,p,paper: p_holm,gap,rank_w,median (s),k\n"
        "91.06,0.333,1.2e-07,0.012,12.3,64,0.0000123,5\n90.10,,1,,0.5,3.5,4320,\n"
    )
    first_row = markdown.read_text().splitlines()[2]
    assert one_space(first_row) == "| 91.06 | 0.333 | 1.2e-07 | 0.012 | 12.3 | 64 | 0.0000123 | 5 |"
    assert [path.name for path in (csv, markdown, page, latex)] == [
        f"run.v1.{kind}" for kind in ("csv", "md", "html", "tex")
    ]
    assert '<td class="data row0 col7" >5</td>' in page.read_text()
    assert "#T_table .col7 {\n  text-align: right;\n}" in page.read_text()
    assert r"91.06 & 0.333 & 1.2e$-$07 & 0.012 & 12.3 & 64 & 0.0000123 & 5 \\" in latex.read_text()


def test_notes_stand_below_the_table_and_in_the_csv_beside_it(tmp_path):
    frame = pd.DataFrame(
        {"GEN": ["mean", "ls"], "mean (%)": [90.0, 80.0], "note": ["a < b & c", None]}
    )
    csv, markdown, page, latex = (path.read_text() for path in save(frame, tmp_path / "noted"))
    assert csv.splitlines() == ["GEN,mean (%),note", "mean,90.00,a < b & c", "ls,80.00,"]
    assert one_space(markdown).endswith("| ls | 80.00 |\n\nNote: a < b & c\n")
    assert "</table>\n<p>Note: a &lt; b &amp; c</p>" in page
    assert latex.splitlines()[-1] == r"\par\smallskip{\footnotesize Note: a \textless{} b \& c\par}"
    assert one_space(markdown).startswith("| GEN | mean (%) |\n")
    assert "GEN & mean" in latex and "note" not in page


def test_a_list_in_a_cell_has_lines_where_there_can_be(tmp_path):
    frame = pd.DataFrame({"best k": ["20: 6\n5: 2"]})
    csv, markdown, page, latex = (path.read_text() for path in save(frame, tmp_path / "list"))
    assert csv.splitlines()[1] == "20: 6; 5: 2" and "| 20: 6; 5: 2 |" in one_space(markdown)
    assert ">20: 6<br>5: 2</td>" in page
    assert r"\begin{tabular}[t]{@{}l@{}}20: 6 \\ 5: 2\end{tabular} \\" in latex


def test_a_bar_in_a_cell_starts_no_column_in_markdown(tmp_path):
    markdown = save(pd.DataFrame({"name": ["a|b"]}), tmp_path / "bar")[1].read_text()
    assert r"| a\|b |" in one_space(markdown)


SPECIAL = r"a_b & 50% of $x$ #1 {c} ~ ^ \d <e> |f| *g [h]"


def cells_of(line):
    r"""The cells of a line of a LaTeX table; `\&` is a sign, what stands in braces belongs to its cell."""
    assert line.endswith(r" \\")
    return re.split(r"(?<!\\) & ", line.removesuffix(r" \\"))


def test_latex_has_the_lines_of_a_booktabs_table(tmp_path):
    frame = pd.DataFrame({"method_1": [SPECIAL, "*b", "[c]"], "gain (points)": [-1.5, 2.0, None]})
    latex = save(frame, tmp_path / "special")[3].read_text()
    lines = latex.splitlines()
    assert lines[:3] == [r"% \usepackage{booktabs}", r"\begin{tabular}{lr}", r"\toprule"]
    assert cells_of(lines[3]) == [
        r"method\_1",
        r"\begin{tabular}[b]{@{}r@{}}gain \\ (points)\end{tabular}",
    ]
    assert lines[4] == r"\midrule"
    rows = [cells_of(line) for line in lines[5:8]]
    assert rows[0] == [
        r"a\_b \& 50\% of \$x\$ \#1 \{c\} \textasciitilde{} \textasciicircum{} \textbackslash{}d "
        r"\textless{}e\textgreater{} \textbar{}f\textbar{} {*}g {[}h]",
        "$-$1.50",
    ]
    # a bare * or [ after the line break before it would be read as its argument
    assert rows[1] == ["{*}b", "2.00"] and rows[2] == ["{[}c]", ""]
    assert lines[8:] == [r"\bottomrule", r"\end{tabular}"]


@pytest.mark.parametrize("name", TABLES)
def test_latex_of_every_table_is_well_formed(name, tmp_path):
    latex = save(make_table(name), tmp_path / name)[3].read_text()
    opened = []
    for kind, environment in re.findall(r"\\(begin|end){(\w+)}", latex):
        if kind == "begin":
            opened.append(environment)
        else:
            assert opened.pop() == environment
    assert not opened
    bare = re.sub(r"\\[\\&%$#_{}]", "", latex)
    assert bare.count("{") == bare.count("}")
    columns = len(re.search(r"^\\begin{\w+}{([lr]+)}$", latex, re.MULTILINE)[1])
    table = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert table and all(len(cells_of(line)) == columns for line in table)
    commands = set(re.findall(r"\\([a-z]+)", latex)) - {"begin", "end", "usepackage"}
    assert commands <= {
        "toprule",
        "midrule",
        "bottomrule",
        "endfirsthead",
        "endhead",
        "endfoot",
        "endlastfoot",
        "par",
        "smallskip",
        "footnotesize",
    }


def test_a_long_latex_table_breaks_over_pages(tmp_path):
    latex = save(pd.DataFrame({"k": range(100)}), tmp_path / "long")[3].read_text()
    assert latex.startswith("% \\usepackage{booktabs, longtable}\n\\begin{longtable}{r}\n")
    head, rows = latex.split("\\endlastfoot\n")
    assert (
        head.count("\\toprule\nk \\\\\n\\midrule\n\\end") == 2
    )  # on the first page and on the others
    assert "\\endhead\n" in head and rows.startswith("0 \\\\\n1 \\\\\n")
