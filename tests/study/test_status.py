"""The status of a study, from what Snakemake plans."""

from types import SimpleNamespace

import pytest

from imprint.errors import UserError
from imprint.formatting import duration, size
from imprint.study import status
from imprint.study.job_log import START


@pytest.fixture
def log(tmp_path):
    """The log of a job that took so many seconds on so many threads."""

    def write(seconds, threads):
        path = tmp_path / f"{seconds}.log"
        path.write_text(f"1 requested\ndone in {seconds} s on {threads} threads\n")
        return str(path)

    return write


def test_estimates_use_the_times_of_earlier_jobs(log):
    rules = status.jobs_by_rule(
        [
            status.PlannedJob("embed", ["a"], None, log(100, 2)),
            status.PlannedJob("embed", ["b"], None, log(300, 2)),
            status.PlannedJob("embed", ["c"], "new", None),
            status.PlannedJob("embed", ["d"], "its rule changed", log(200, 2)),
            status.PlannedJob("report", ["e"], "new", None),
        ]
    )
    embed, report = rules["embed"], rules["report"]
    assert (embed.done, dict(embed.why)) == (2, {"new": 1, "its rule changed": 1})
    # two jobs that start and then take the median time on two threads
    assert embed.seconds == 2 * (START + 2 * 200)
    assert (report.done, report.seconds) == (0, None)


def test_files_of_one_job_are_one_job_and_downloads_are_one_each():
    files = [
        ("download", "results/downloads/cifar.v1"),
        ("download", "results/downloads/cifar.v2"),
        ("table_gen", "results/tables/main/gen.csv"),
        ("table_gen", "results/tables/main/gen.md"),
    ]
    lines = [f"{file}\t{rule}\t-\tmissing\tupdate pending" for rule, file in files]
    jobs = list(status.parse_summary("\n".join(["\t".join(status.COLUMNS), *lines])))
    assert [(job.rule, len(job.outputs)) for job in jobs] == [
        ("download", 1),
        ("download", 1),
        ("table_gen", 2),
    ]


def test_a_missing_file_is_new_or_gone_or_of_a_job_that_failed(tmp_path, log):
    failed = tmp_path / "failed.log"
    failed.write_text("1 requested\nUserError: no image can be read\n")
    lines = [
        f"results/{name}\tembed\t{of_job}\tmissing\tupdate pending"
        for name, of_job in {"a": "-", "b": log(3, 1), "c": failed}.items()
    ]
    jobs = status.parse_summary("\n".join(["\t".join(status.COLUMNS), *lines]))
    assert [job.why for job in jobs] == [
        "new",
        "its file is gone",
        "it did not end: it failed, was stopped or is at work",
    ]


@pytest.fixture
def study(tmp_path):
    """The attributes of a study that the status reads: the folder of its results, and its experiments."""
    return SimpleNamespace(root=tmp_path, config=SimpleNamespace(experiments={"main": None}))


def test_files_that_no_job_makes_are_leftovers(study, tmp_path, monkeypatch):
    files = ["proxies/old.h5", "proxies/wanted.h5", "embeddings/e.h5.partial", "logs/x.log"]
    for name in [*files, "reports/main.html"]:  # a page that is made on request
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    jobs = [status.PlannedJob("proxies", [str(tmp_path / "proxies/wanted.h5")], None, None)]
    monkeypatch.setattr(status, "plan", lambda *arguments: jobs)
    assert status.status(study).leftovers == [str(tmp_path / "proxies/old.h5")]


def test_a_folder_without_a_workflow_is_a_mistake(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(status, "__file__", str(tmp_path / "a/b/status.py"))
    with pytest.raises(UserError, match="no workflow here"):
        status.status(study)


def test_quantities_are_in_units_that_suit_them():
    assert [duration(s) for s in (3, 89, 100, 6000)] == ["3 s", "89 s", "2 min", "1.7 h"]
    assert [size(b) for b in (7, 7e4, 7e7, 7e10, 7e13)] == [
        "7 B",
        "70 kB",
        "70 MB",
        "70 GB",
        "70.0 TB",
    ]
