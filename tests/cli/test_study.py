"""The status of a study as `imprint status` prints it."""

from collections import Counter

from imprint.cli.study import print_status
from imprint.study.status import Rule, Status


def status(rules=None, running=False, leftovers=(), blocks=0, unused=0):
    return Status(
        rules=rules or {},
        cores=2,
        running=running,
        blocks=blocks,
        unused=unused,
        kept_size=70_000,
        leftovers=list(leftovers),
    )


def test_a_finished_study_is_one_line(capsys):
    print_status(status({"embed": Rule(done=1), "scores": Rule(done=1)}))
    assert capsys.readouterr().out == "All 2 jobs are done.\n"


def test_jobs_to_do_have_times_and_reasons(capsys):
    rules = {
        "embed": Rule(2, Counter({"new": 1, "its code changed": 1}), seconds=800.0),
        "report": Rule(0, Counter({"new": 1}), seconds=None),
    }
    print_status(status(rules, running=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A run is under way here; what it is making counts as to do."
    assert lines[1] == (
        "2 of 5 jobs are done; 3 to do: about 7 min on 2 cores, as long as such jobs took before."
    )
    assert lines[4].split() == [
        "embed",
        "2",
        "2",
        "7",
        "min",
        "new",
        "(1);",
        "its",
        "code",
        "changed",
        "(1)",
    ]
    assert lines[5].split() == ["report", "1", "0", "?", "new", "(1)"]
    assert lines[6] == "No job of report ran before: `imprint doctor` estimates their time."


def test_only_three_reasons_are_shown(capsys):
    print_status(status({"embed": Rule(0, Counter(f"reason {i}" for i in range(5)))}))
    assert "; 2 other reasons\n" in capsys.readouterr().out


def test_blocks_and_leftovers_are_counted(capsys):
    print_status(status(leftovers=["proxies/old.h5"], blocks=4, unused=1))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == (
        "Kept of finished work in cache/: 4 blocks, 70 kB; the last runs did not use 1 "
        "(see `imprint cache`)."
    )
    assert lines[2].startswith("1 files belong to nothing in this study, such as proxies/old.h5")
