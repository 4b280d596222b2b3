"""Outdated outputs are recognised by their records, without the metadata of Snakemake."""

import os
import shutil
import time
from pathlib import Path

import pytest

from imprint.store.paths import record_file
from imprint.store.records import make_record, read_record, write_record
from imprint.study.outdated import Records, spec_digest

SPEC = spec_digest("proxies", {"spec": "{}", "code": "1"})


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A file of results made from another one and from one of the user's, in a working directory without .snakemake."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/proxies").mkdir(parents=True)
    (tmp_path / "results/scores").mkdir()
    write("mine.npz", "rows")
    make("results/proxies/k1.h5", "proxies", files=["mine.npz"])
    make("results/scores/max.parquet", "scores", inputs=["results/proxies/k1.h5"])
    return tmp_path / "results"


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def make(path, text, inputs=(), files=()):
    write(path, text)
    write_record(path, make_record(SPEC, "results", [path], [*inputs, *files], files))


def outdated(path="results/scores/max.parquet", spec=SPEC):
    return Records("results").outdated(path, lambda: spec)


def test_what_is_asked_for_is_done(results):
    assert not outdated()
    assert not outdated("results/proxies/k1.h5")
    assert not outdated("results/proxies/missing.h5")


def test_an_output_whose_content_changed_is_seen_whatever_its_size_and_times(results):
    path = results / "scores/max.parquet"
    facts = path.stat()
    write(path, "scorer")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert path.stat().st_size == facts.st_size and outdated()
    write(path, "scores")
    assert not outdated()


def test_another_configuration_is_seen(results):
    assert outdated(spec="another")


def test_a_file_without_a_record_is_not_taken_for_done(results):
    record_file("results/scores/max.parquet").unlink()
    assert outdated()


def test_scores_of_other_proxies_are_seen_whatever_the_times_say(results):
    make("results/proxies/k1.h5", "PROXIES", files=["mine.npz"])
    os.utime("results/proxies/k1.h5", (1e9, 1e9))
    assert outdated()


def test_proxies_made_again_the_same_change_nothing(results):
    make("results/proxies/k1.h5", "proxies", files=["mine.npz"])
    assert not outdated()


def test_a_cut_file_is_seen(results):
    write("results/scores/max.parquet", "sc")
    assert outdated()


def test_an_older_file_of_the_users_is_seen_by_its_content(results):
    write("mine.npz", "ROWS")
    os.utime("mine.npz", (1e9, 1e9))
    assert outdated("results/proxies/k1.h5")


def test_a_touched_file_of_the_users_is_no_other(results):
    os.utime("mine.npz", (1e9, 1e9))
    assert not outdated("results/proxies/k1.h5")


def test_where_things_lie_does_not_count():
    assert spec_digest("proxies", {"spec": "{}", "code": "1", "blocks": "/a"}) == SPEC
    assert spec_digest("proxies", {"spec": "{}", "code": "2"}) != SPEC


def test_snakemake_is_trusted_with_what_was_made_here_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = Records("results")
    assert not first.known
    first.begin()
    (tmp_path / ".snakemake/metadata").mkdir()
    (tmp_path / ".snakemake/metadata/a").touch()
    assert Records("results").known
    (tmp_path / "results").rename("moved")
    assert not Records("moved").known
    (tmp_path / "results/scores").mkdir(parents=True)
    second = Records("results")
    second.begin()
    assert not second.known
    assert not Records("results").known


@pytest.mark.parametrize("writes", [1, 2])
def test_a_kill_while_a_run_begins_leaves_the_results_known(tmp_path, monkeypatch, writes):
    monkeypatch.chdir(tmp_path)
    Records("results").begin()
    (tmp_path / ".snakemake/metadata").mkdir()
    (tmp_path / ".snakemake/metadata/a").touch()
    (tmp_path / "results/scores").mkdir()
    killed, done = Records("results"), []

    def write(path, text):
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(path.write_bytes(text.encode()))

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "write_text", write)
        killed.begin()
    assert Records("results").known


def test_results_of_another_time_or_directory_are_compared_by_their_records(tmp_path, monkeypatch):
    """Snakemake knows what it made last, not what was put in its place."""
    for name in ("here", "there"):
        (tmp_path / name / ".snakemake/metadata").mkdir(parents=True)
        (tmp_path / name / ".snakemake/metadata/a").touch()
    results = tmp_path / "results"

    def run(name):
        monkeypatch.chdir(tmp_path / name)
        Records(results).begin()
        (results / "scores").mkdir(parents=True, exist_ok=True)

    run("here")
    assert Records(results).known
    shutil.copytree(results, tmp_path / "copy")
    run("here")
    assert Records(results).known
    shutil.rmtree(results)
    (tmp_path / "copy").rename(results)
    assert not Records(results).known, "a copy from before the last run"
    shutil.rmtree(results)
    run("here")
    run("there")
    monkeypatch.chdir(tmp_path / "here")
    assert not Records(results).known, "a run in another directory came after the last one here"


def test_what_was_made_while_a_run_was_ended_is_not_left_to_snakemake(tmp_path, monkeypatch):
    """Jobs on a cluster finish without Snakemake: it has no metadata of their outputs, and takes them as they are."""
    monkeypatch.chdir(tmp_path)

    def run(output, at, ends=True):
        monkeypatch.setattr(time, "time", lambda: at)
        records = Records("results")
        records.begin()
        (tmp_path / ".snakemake/metadata").mkdir(exist_ok=True)
        (tmp_path / ".snakemake/metadata/of_an_output").touch()
        Path("results/scores").mkdir(parents=True, exist_ok=True)
        make(f"results/scores/{output}", "scores")
        os.utime(record_file(f"results/scores/{output}"), (at + 500, at + 500))
        if ends:
            records.end()

    def seen():
        return {name for name in "abcde" if outdated(f"results/scores/{name}", "another")}

    run("a", 1000)
    assert seen() == set()
    run("b", 2000, ends=False)
    assert seen() == {"b"} and not outdated("results/scores/b")
    run("c", 3000, ends=False)
    assert seen() == {"b", "c"}
    run("d", 4000)
    assert seen() == {"b", "c"}
    run("e", 5000)
    assert seen() == {"b", "c"}
    run("b", 6000)
    assert seen() == {"c"}, "made again in a run that ended"


def test_what_a_job_on_a_cluster_made_for_an_edited_configuration_is_seen_when_the_edit_is_undone(
    tmp_path, monkeypatch
):
    """Such a job reads the configuration when it starts; Snakemake notes the parameters of the plan."""
    monkeypatch.chdir(tmp_path)

    def run(spec):
        records = Records("results")
        assert not records.outdated("results/scores/a", lambda: spec)
        records.begin()
        (tmp_path / ".snakemake/metadata").mkdir(exist_ok=True)
        (tmp_path / ".snakemake/metadata/of_an_output").touch()
        Path("results/scores").mkdir(parents=True, exist_ok=True)
        make("results/scores/a", "scores")
        return records.end()

    assert run(SPEC) == 0 and not outdated("results/scores/a", "another"), "Snakemake sees it"
    shutil.rmtree("results/scores")
    assert run("another") == 1
    assert outdated("results/scores/a", "another") and not outdated("results/scores/a")


def test_a_damaged_record_is_none(results):
    write("results/scores/.max.parquet.record", "{")
    assert read_record("results/scores/max.parquet") is None
