"""What `imprint doctor` says of a folder, `imprint status` of a study, and `imprint cache` of results that it cannot read."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from imprint.cli import main
from imprint.cli.study import print_status
from imprint.study.status import Rule, Status
from tests.study.examples import BASE


def status(rules=None, running=False, killed=False, leftovers=(), blocks=0, unused=0):
    return Status(
        rules=rules or {},
        cores=2,
        running=running,
        killed=killed,
        blocks=blocks,
        unused=unused,
        kept_size=70_000,
        leftovers=list(leftovers),
    )


def test_a_finished_study_is_one_line(capsys):
    print_status(status({"embed": Rule(done=1), "scores": Rule(done=1)}))
    assert capsys.readouterr().out == "Nothing to do: 2 of 2 jobs are done.\n"


def test_jobs_to_do_have_times_and_reasons(capsys):
    rules = {
        "embed": Rule(2, Counter({"new": 1, "its code changed": 1}), seconds=800.0),
        "report": Rule(0, Counter({"new": 1}), seconds=None),
    }
    print_status(status(rules, running=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A run is in progress here; the outputs it is making count as to do."
    assert lines[1] == (
        "2 of 5 jobs are done; 3 to do: about 7 min on 2 cores, judging by earlier jobs."
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
    assert (
        lines[6] == "No job of a rule with ? has run before: `imprint doctor` estimates their time."
    )


def test_that_the_last_run_was_killed_comes_first_with_what_to_do(capsys):
    print_status(status({"scores": Rule(done=1)}, killed=True))
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("The last run here was killed.") and "`snakemake --unlock`" in first
    assert last == "Nothing to do: 1 of 1 jobs are done."


def test_only_three_reasons_are_shown(capsys):
    print_status(status({"embed": Rule(0, Counter(f"reason {i}" for i in range(5)))}))
    assert "; 2 other reasons\n" in capsys.readouterr().out


def test_blocks_and_leftovers_are_counted(capsys):
    print_status(status(leftovers=["proxies/old.h5"], blocks=4, unused=1))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == (
        "Cache of finished work in cache/: 4 blocks, 70 kB; the last runs did not use 1 "
        "(see `imprint cache`)."
    )
    assert lines[2].startswith("1 file belongs to no job of this study, such as proxies/old.h5")


@pytest.mark.parametrize("option", ["", " --prune"])
def test_a_cache_that_cannot_be_reached_is_not_said_to_be_empty(tmp_path, monkeypatch, run, option):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(yaml.safe_dump(BASE))
    Path("results").symlink_to("unmounted")
    message = run(f"cache{option}", code=2)
    assert f"results is a link to {tmp_path}/unmounted, which does not exist" in message


def test_the_doctor_counts_images_classes_and_broken_files_of_a_folder(tmp_path, capsys):
    for name in ("owl/1.png", "owl/2.png", "wren/1.png", "wren/2.png", "wren/3.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(path)
    with pytest.raises(SystemExit) as caught:
        main(["doctor", str(tmp_path / "photos")])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ok", "images:", "5", "in", str(tmp_path / "photos")]
    assert lines[1].endswith("classes: 2, 2 (owl) to 3 each")
    (tmp_path / "photos/wren/3.png").write_bytes(b"none")
    with pytest.raises(SystemExit) as caught:
        main(["doctor", str(tmp_path / "photos")])
    assert caught.value.code == 1
    assert "wren/3.png cannot be read: it is " in capsys.readouterr().out


def test_the_doctor_checks_one_folder_at_a_time(tmp_path, capsys):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with pytest.raises(SystemExit) as caught:
        main(["doctor", str(tmp_path / "one"), str(tmp_path / "other")])
    assert caught.value.code == 2
    assert "one is a folder of images; check one folder at a time" in capsys.readouterr().err


def test_the_doctor_reads_both_splits_of_a_table(tmp_path, capsys):
    table = ["path,label,split"]
    for split, count in (("train", 4), ("test", 2)):
        for i in range(count):
            name = f"{split}{i}.png"
            Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / name)
            table.append(f"{name},{'owl' if i % 2 else 'wren'},{split}")
    (tmp_path / "test1.png").write_bytes(b"none")
    (tmp_path / "photos.csv").write_text("\n".join(table))
    with pytest.raises(SystemExit) as caught:
        main(["doctor", str(tmp_path / "photos.csv")])
    assert caught.value.code == 1
    lines = [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == [
        f"images for train: 4 in {tmp_path / 'photos.csv'}",
        "classes for train: 2, 2 each",
    ]
    assert lines[2].startswith("images for test: 2") and lines[3] == "classes for test: 2, 1 each"
    assert "test1.png cannot be read" in lines[4]
    table = [line for line in table if not line.endswith(",test")]
    (tmp_path / "photos.csv").write_text("\n".join(table))
    with pytest.raises(SystemExit) as caught:
        main(["doctor", str(tmp_path / "photos.csv")])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok") and "images for train: 4" in lines[0]
    assert lines[2].startswith("note") and lines[2].endswith("names no images for test")
