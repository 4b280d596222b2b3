"""Tables are aligned text where they are piped, and drawn on a terminal."""

import io

from imprint.cli.tables import print_table

ROWS = [["embed", 2], ["evaluate", 10]]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_piped_tables_are_aligned_text(capsys):
    print_table(["rule", "jobs"], ROWS, left=("rule",))
    assert capsys.readouterr().out == "rule      jobs\nembed        2\nevaluate    10\n"


def test_a_terminal_gets_a_ruled_table(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    print_table(["rule", "jobs"], [*ROWS, ["[bold]", 1]], left=("rule",))
    text = terminal.getvalue()
    assert "\N{BOX DRAWINGS LIGHT HORIZONTAL}" in text and "[bold]" in text
