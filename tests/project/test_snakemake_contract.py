"""What the workflow relies on in Snakemake, by a workflow of a few lines: an upgrade that changes it fails here.

All of it is documented (`snakemake --help`, https://snakemake.readthedocs.io) but for what a comment says.
"""

import copy
import importlib.util
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from snakemake_interface_logger_plugins.common import LogEvent

from imprint.study import status
from imprint.study.job_log import START
from imprint.study.running import LOCKS
from snakemake_logger_plugin_imprint import CHATTER, FAILED, LOST_JOBS, LogHandler

pytestmark = pytest.mark.xdist_group("contract")

ROOT = Path(__file__).parents[2]
LOWEST, BELOW = (9, 27), (10,)
WORKFLOW = """
import json, os
pathvars:
    results=config.get("results", "results")
rule all:
    default_target: True
    input: "<results>/two.txt"
rule one:
    output: file="<results>/one.txt"
    log: "<results>/logs/one.log"
    message: "making {output.file} once"
    cache: True
    params: spec=config.get("spec", "a"), derived=lambda w, input: os.environ.get("DEVICE")
    resources: mem_mb=lambda wildcards, attempt: 10 * attempt, device=os.environ.get("DEVICE", "cpu")
    script: "scripts/one.py"
rule two:
    input: file="<results>/one.txt", source=workflow.source_path("scripts/one.py")
    output: file="<results>/two.txt", other="<results>/two.csv"
    threads: lambda w: workflow.cores
    run:  # in a process that reads the Snakefile again
        if os.environ.get("HANGS"):
            open("hangs", "w").close()
            import time
            time.sleep(300)
        open(output.other, "w").close()
        with open(output.file, "w") as file:
            json.dump({"config": config, "threads": threads}, file)
onstart: print("HOOK start")
onsuccess: print("HOOK success")
onerror: print("HOOK error")
"""
SCRIPT = """
import json
with open(snakemake.output.file, "w") as file:
    json.dump({"config": snakemake.config, "scriptdir": snakemake.scriptdir, "rule": snakemake.rule,
               "threads": snakemake.threads, "log": list(snakemake.log), "spec": snakemake.params.spec,
               "device": snakemake.resources.device}, file)
with open(snakemake.log[0], "w") as file:
    file.write("done in 2.0 s on 3 threads")
"""
REQUESTED = ["results=out put", "spec=x=1, y: 'z' w", "number=3", "truth=true", "many=[1, 2]"]
REQUESTED += ["nested={'a': {'b': 1}}"]


class Workflow:
    """That workflow in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "scripts").mkdir(parents=True)
        (folder / "cache").mkdir()
        (folder / "Snakefile").write_text(WORKFLOW)
        (folder / "scripts/one.py").write_text(SCRIPT)

    def start(self, *arguments, **environment):
        """Start Snakemake in a process group of its own."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE_")}
        triggers = ("--rerun-triggers", "mtime", "params", "input", "software-env")
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *triggers, "--cores", "2", *arguments],
            cwd=self.folder,
            env=inherited | {"XDG_CACHE_HOME": str(self.folder / "user"), **environment},
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def snakemake(self, *arguments, succeeds=True, **environment):
        """Run Snakemake; returns what it printed to standard output, and to both."""
        running = self.start(*arguments, **environment)
        output, errors = running.communicate()
        assert (running.returncode == 0) == succeeds, output + errors
        return output, output + errors

    def read(self, name):
        return json.loads((self.folder / name).read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The workflow, run once with `--config` and our logger, with a cache in place that `--cache` does not name."""
    workflow = Workflow(tmp_path_factory.mktemp("contract"))
    _, workflow.output = workflow.snakemake(
        *("--logger", "imprint", "--quiet", "host", "rules", "--config", *REQUESTED),
        SNAKEMAKE_OUTPUT_CACHE=str(workflow.folder / "cache"),
    )
    return workflow


def test_the_version_is_one_that_is_known():
    installed = version("snakemake")
    numbers = tuple(int(number) for number in re.findall(r"\d+", installed)[:2])
    assert LOWEST <= numbers < BELOW, (
        f"Snakemake {installed} is installed; the workflow is known to run on >=9.27,<10. If all other tests of this "
        "file pass, change LOWEST and BELOW here and the bounds in pyproject.toml"
    )


def test_options_of_the_profiles_are_known():
    known = subprocess.run(
        [sys.executable, "-m", "snakemake", "--help"], capture_output=True, text=True, check=True
    ).stdout
    options = {"report", "report-stylesheet", "nolock", "summary", "unlock", "cache"}
    for profile in ("default", "slurm"):
        options |= yaml.safe_load((ROOT / f"profiles/{profile}/config.yaml").read_text()).keys()
    # options of the SLURM plugin are listed where it is installed
    missing = [name for name in options if f"--{name}" not in known and "slurm" not in name]
    assert not missing, f"Snakemake has no option {', '.join(missing)}"
    triggers = known.split("--rerun-triggers {")[1].split("}")[0]
    assert {"mtime", "params", "input", "software-env"} <= set(triggers.split(","))


def test_config_reaches_scripts_and_processes_as_it_was_requested(finished):
    script, process = finished.read("out put/one.txt"), finished.read("out put/two.txt")
    assert script["config"] == process["config"], (
        "`config` differs between a script and a process that reads the Snakefile"
    )
    requested = script["config"]
    assert requested["spec"] == "x=1, y: 'z' w"
    # imprint.study.load gives values below the first level their types
    assert (requested["number"], requested["truth"]) == (3, "true")
    assert requested["nested"] == {"a": {"b": "1"}}, "nested values of --config have types now"
    assert requested["many"] == ["1", "2"], "values in lists of --config have types now"


def test_what_scripts_and_rules_know(finished):
    script, process = finished.read("out put/one.txt"), finished.read("out put/two.txt")
    assert Path(script["scriptdir"]).samefile(finished.folder / "scripts"), "scriptdir"
    assert (script["rule"], script["threads"]) == ("one", 1)
    assert script["device"] == "cpu", "a resource that is a text"
    assert script["log"] == ["out put/logs/one.log"]
    assert process["threads"] == 2, "threads of `workflow.cores`"
    hooks = re.findall("HOOK [a-z]+", finished.output)
    assert hooks == ["HOOK start", "HOOK success"]
    assert not list((finished.folder / "cache").iterdir()), "`cache: True` stores without --cache"


def test_a_logger_learns_what_runs_and_what_ended(finished):
    """Fields of `LogEvent`s are documented by name alone: those that snakemake_logger_plugin_imprint reads are there."""
    lines = [" ".join(line.split()) for line in finished.output.splitlines()]
    assert [line for line in lines if re.match(r"\d of 3|3 jobs", line)] == [
        "3 jobs to do on 2 cores",
        "1 of 3 making out put/one.txt once: 2.0 s",
        "2 of 3 two",
        "3 of 3 all",
    ], "events or their fields have other names"


def logger():
    """The logger, which writes to standard output."""
    settings = SimpleNamespace(stdout=True, dryrun=False, verbose=False, debug_dag=False)
    handler = LogHandler(settings, None)
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def test_a_job_that_slurm_ended_is_reported_with_the_reason_though_it_runs_again(capsys, tmp_path):
    """A retry that succeeds leaves this line alone, as it takes the job off the list of failures."""
    log = tmp_path / "5.log"
    log.write_text("slurmstepd: error: Detected 1 oom_kill event in StepId=5.batch.\n")
    job = {"jobid": 1, "rule_name": "embed", "log": []}
    started = {"event": LogEvent.JOB_INFO, "rule_msg": "embeddings", "wildcards": {}}
    message = "SLURM-job '5' failed, SLURM status is: 'FAILED'."
    failed = {"event": LogEvent.JOB_ERROR, "rule_msg": message, "log": [str(log)]}
    with closing(logger()) as handler:
        begun = {"event": LogEvent.RUN_INFO, "stats": {"embed": 1}}
        for fields in (begun, job | started, job | failed):
            handler.handle(logging.makeLogRecord(fields))
        assert "embeddings: SLURM ended it: it used more memory" in capsys.readouterr().out


def test_a_controller_of_slurm_that_does_not_answer_is_reported_with_a_remedy(capsys):
    """The text is that of the plugin for SLURM, which then asks sacct and may never ask for the running jobs again."""
    handler = logger()
    fallback = "Falling back to 'sacct' for status queries (MinJobAge={}; threshold=18s)."
    for age in (2, None):
        handler.emit(logging.makeLogRecord({"msg": fallback.format(age), "levelno": logging.INFO}))
    assert capsys.readouterr().out.splitlines() == [
        fallback.format(2),
        fallback.format(None),
        LOST_JOBS,
    ]
    spec = importlib.util.find_spec("snakemake_executor_plugin_slurm")
    if spec is not None:
        plugin = Path(spec.origin).read_text()
        assert "Falling back to 'sacct' for status queries" in plugin, "its words are others"
        assert "(MinJobAge={min_job_age};" in plugin, "its words are others"


def test_resources_are_no_reason_to_run_again(finished):
    """That a parameter computed from `input` is no reason to run again is not documented; rules/embed.smk needs it."""
    unchanged = ("--config", *REQUESTED)
    _, output = finished.snakemake("--dry-run", *unchanged, DEVICE="cuda")
    assert "Nothing to be done" in output, (
        "a change of a resource, or of a parameter computed from `input`, runs jobs again"
    )
    assert "HOOK" not in output, "hooks run in a dry run"


def test_a_lock_is_reported_with_a_remedy_and_the_summary_lists_the_jobs_to_run(
    tmp_path, monkeypatch
):
    """After a kill. A new parameter, by a file and by the command line, which goes first, is what is to do."""
    workflow = Workflow(tmp_path / "flow")
    cache = workflow.folder / "cache"
    configfile = ("--configfile", "other.json")
    (workflow.folder / "other.json").write_text('{"spec": "file", "list": [1, "2", null]}')
    running = workflow.start(
        *("--cache", "one"), *configfile, SNAKEMAKE_OUTPUT_CACHE=str(cache), HANGS="1"
    )
    try:
        while not (workflow.folder / "hangs").exists():
            assert running.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    assert list(cache.iterdir()), "--cache stores nothing"
    requested = workflow.read("results/one.txt")["config"]
    assert requested == {"spec": "file", "list": [1, "2", None]}, "--configfile fills `config`"

    _, output = workflow.snakemake(*configfile, succeeds=False)
    assert "cannot be locked" in output and "--unlock" in output, "a lock is told without way out"
    assert any((workflow.folder / LOCKS).iterdir()), "locks are elsewhere"

    table, _ = workflow.snakemake("--summary", *configfile, "--config", "spec=line")
    monkeypatch.chdir(workflow.folder)
    two, one = status.parse_summary(table)
    assert (one.rule, one.outputs) == ("one", ["results/one.txt"])
    assert one.why == status.REASONS["params changed"]
    assert one.log == "results/logs/one.log"
    assert two.outputs == ["results/two.txt", "results/two.csv"], "files of a job are apart"
    assert two.why == "new"
    rules = status.jobs_by_rule([two, one])
    assert (rules["one"].seconds, rules["two"].seconds) == (START + 6, None)


def test_what_is_made_from_a_file_of_the_future_fails(finished, tmp_path):
    folder = tmp_path / "flow"
    shutil.copytree(finished.folder, folder)
    workflow = copy.copy(finished)
    workflow.folder = folder
    later = time.time() + 86400
    os.utime(folder / "out put/one.txt", (later, later))
    _, output = workflow.snakemake("--config", *REQUESTED, succeeds=False)
    other_words = [text for text in CHATTER if text not in output]
    # of rules with environments and groups
    other_words = [text for text in other_words if not text.startswith(("Conda", "Group"))]
    assert not other_words, "what the logger leaves out has other words"
    assert FAILED in output, "a run that failed ends in other words"
    assert "has older modification time" in output, "imprint.study.startup advises for this case"
    assert re.findall("HOOK [a-z]+", output) == ["HOOK start", "HOOK error"]
