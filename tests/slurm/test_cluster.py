"""The tiny study on a real SLURM, through profiles/slurm, with jobs ended for memory, for time and by hand."""

import copy
import re
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.slurm.cluster import Cluster, Unavailable
from tests.workflow.conftest import ROOT, TINY, Study
from tests.workflow.warm import warm_python

pytestmark = pytest.mark.xdist_group("slurm")
DEFAULT, SLURM = (
    yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())
    for name in ("default", "slurm")
)

STUDY = copy.deepcopy(TINY)
for experiment in STUDY["experiments"].values():
    experiment["figures"] = []
STUDY["experiments"]["methods"]["figures"] = ["gallery"]  # a group that shows images

# as a user would edit the profile; and too little at first for two jobs
EDITED = {
    "embed": {"slurm_partition": "gpu", "gres": "gpu:1"},
    "pretrain": {"mem_mb": "300 * 10 ** (attempt - 1)"},
    "dataset": {"runtime": "(1 if wildcards.dataset == 'digits' else 60) * 10 ** (attempt - 1)"},
}
HELD = "rule_dataset_wildcards_digits"
# by the comment that they carry: each job without a group, and each connected part of a group
SUBMISSIONS = {
    "rule_dataset_wildcards_digits": 1,
    "rule_dataset_wildcards_glyphs": 1,
    "rule_pretrain_wildcards_net": 1,
    "rule_embed_wildcards_net_digits_train": 1,
    "rule_embed_wildcards_net_digits_test": 1,
    "rule_embed_wildcards_net_glyphs_train": 1,
    "rule_embed_wildcards_net_glyphs_test": 1,
    "rule_task": 2,
    "rule_collapse": 1,
    "rule_summary": 1,
    "rule_pictures": 1,
}


@dataclass
class Run:
    """A study after its run on SLURM, what the run printed, what SLURM knows of its jobs, and a local run."""

    study: Study
    command: list[str]
    output: str
    jobs: list[dict[str, str]]
    local: Study

    def submitted(self, comment):
        """Submissions of a job or group, in order."""
        return [job for job in self.jobs if job["Comment"].startswith(comment)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    study, local = (Study(tmp_path_factory.mktemp(name)) for name in ("slurm", "local"))
    for each in (study, local):
        each.configure(STUDY)
    profile = SLURM | {
        "slurm-init-seconds-before-status-checks": 6,
        "set-resources": SLURM["set-resources"] | EDITED,
    }
    (study.folder / "profile").mkdir()
    (study.folder / "profile" / "config.yaml").write_text(yaml.safe_dump(profile))
    command = [*study.command()[:5], "--workflow-profile", "profile"]
    try:
        with Cluster() as cluster:
            output = disturbed(cluster, study, command, local)
            return Run(study, command, output, cluster.jobs(), local)
    except Unavailable as reason:
        pytest.skip(f"no SLURM here: {reason}")


def disturbed(cluster, study, command, local):
    """Run the study on the cluster, and locally beside it; returns what the former printed.

    One job is held until its time is over, and one group is cancelled when it has made its first file.
    """
    end = time.monotonic() + 1800  # other tests may run at the same time
    output = study.folder / "said.txt"
    python = warm_python()  # here, because it takes seconds in which the first job could end
    with output.open("w") as file:
        running, beside = (
            start(study, command, file),
            start(local, [python, *local.command()[1:]], subprocess.DEVNULL),
        )
        try:
            held = cancelled = False
            while running.poll() is None and time.monotonic() < end:
                time.sleep(0.2)
                proxies = any((study.folder / "results/proxies").rglob("*.h5"))
                for job in cluster.running():
                    if not held and job["Comment"] == HELD and job["TimeLimit"] == "00:01:00":
                        held = cluster.hold(job)
                    if not cancelled and proxies and job["Comment"].startswith("rule_task"):
                        cancelled = cluster.cancel(job)
            assert running.poll() == 0, output.read_text()[-6000:] + cluster.log()
            assert beside.wait(900) == 0
        finally:
            for process in (running, beside):
                process.kill()
                process.wait()
    return output.read_text()


def start(study, command, output):
    return subprocess.Popen(
        command, cwd=study.folder, env=study.environment(), stdout=output, stderr=subprocess.STDOUT
    )


def test_scores_are_those_of_a_local_run_bit_for_bit(run):
    pd.testing.assert_frame_equal(run.study.scores(), run.local.scores(), check_exact=True)
    collapses = [
        pd.read_parquet(each.folder / "results/collapse.parquet") for each in (run.study, run.local)
    ]
    pd.testing.assert_frame_equal(*collapses, check_exact=True)
    assert (run.study.folder / "results/report.html").exists()


def test_a_group_is_submitted_once_and_again_only_where_it_was_ended(run):
    counts = Counter()
    for job in run.jobs:
        counts[next(comment for comment in SUBMISSIONS if job["Comment"].startswith(comment))] += 1
    ended = Counter({HELD: 1, "rule_pretrain_wildcards_net": 1, "rule_task": 1})
    assert counts - ended == Counter(SUBMISSIONS)
    assert sum(job["JobState"] != "COMPLETED" for job in run.jobs) == 3


def test_too_little_memory_ends_a_job_and_its_next_attempt_has_more(run):
    ended, done = run.submitted("rule_pretrain")
    assert (ended["JobState"], done["JobState"]) == ("FAILED", "COMPLETED")
    assert "exceeded memory limit" in Path(ended["StdOut"]).read_text()
    assert (ended["MinMemoryNode"], done["MinMemoryNode"]) == ("300M", "3000M")
    assert ": SLURM ended it: it used more memory than it requested" in run.output


def test_too_little_time_ends_a_job_and_its_next_attempt_has_more(run):
    ended, done = run.submitted(HELD)
    assert (ended["JobState"], done["JobState"]) == ("TIMEOUT", "COMPLETED")
    assert (ended["TimeLimit"], done["TimeLimit"]) == ("00:01:00", "00:10:00")
    assert ": SLURM ended it: it reached its time limit" in run.output


def test_a_cancelled_group_is_submitted_again_with_twice_of_all(run):
    """A group asks for what members take that run side by side, and for the times of such rounds together."""
    asked = {"CANCELLED": [], "COMPLETED": []}
    for job in run.submitted("rule_task"):
        asked[job["JobState"]].append((job["NumCPUs"], job["MinMemoryNode"], job["TimeLimit"]))
    # proxies of four GENs at a time, then two of evaluate
    first, second = ("4", "8000M", "01:15:00"), ("4", "16000M", "02:30:00")
    assert asked["CANCELLED"] == [first]
    assert sorted(asked["COMPLETED"], key=lambda each: each[2]) == [first, second]


def test_of_a_cancelled_group_the_jobs_that_ran_are_named_and_no_others(run):
    _, _, after = run.output.partition("Error in group task; log: ")
    log, *failed = after.splitlines()
    assert log.endswith(".log")
    failed = list(takewhile(lambda line: line.startswith("  "), failed))
    assert failed
    assert all(line.endswith(": it was cancelled in SLURM") for line in failed)
    # those that ran, which is no scoring yet; or, if one had ended and the next not begun, all that were left
    assert sum(line.startswith("  scoring ") for line in failed) in (0, 2)
    assert not re.search(r"^ *(scoring|proxies of) .*: $", run.output, re.MULTILINE)


def test_extraction_asks_for_a_gpu_and_nothing_else_does(run):
    for job in run.jobs:
        gpu = job["Comment"].startswith("rule_embed")
        assert job["Partition"] == ("gpu" if gpu else "cpu")
        assert (job.get("TresPerNode") == "gres:gpu:1") == gpu


def test_afterwards_nothing_is_left_to_do_on_the_cluster_or_locally(run):
    assert run.study.planned() == {}
    done = subprocess.run(
        [*run.command, "--dry-run"], cwd=run.study.folder, capture_output=True, text=True
    )
    assert "Nothing to be done" in done.stdout + done.stderr


def test_only_logs_of_submissions_that_failed_stay(run):
    logs = {str(path) for path in (run.study.folder / "results/logs/slurm").rglob("*.log")}
    assert logs == {job["StdOut"] for job in run.jobs if job["JobState"] != "COMPLETED"}


def test_the_profile_repeats_what_the_default_one_sets():
    """It takes that one's place; only of what failed and why it says more."""
    same = DEFAULT.keys() - {"quiet", "show-failed-logs"}
    assert {key: SLURM[key] for key in same} == {key: DEFAULT[key] for key in same}
