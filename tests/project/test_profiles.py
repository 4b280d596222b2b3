"""The profile for SLURM plans whole studies; tests/slurm runs a small one with it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("config", ["config.yaml", "config/paper.yaml"])
def test_studies_can_be_planned_in_groups(tmp_path, config):
    """Members of a group that run side by side must agree in each resource that is text."""
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--dry-run"]
    profile = ["--workflow-profile", str(ROOT / "profiles/slurm")]
    done = subprocess.run(
        [*command, *profile, "--quiet", "all", "--config", f"study={ROOT / config}"],
        cwd=tmp_path, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_profile_groups_every_rule_of_small_jobs():
    """Groups stand in the profile: in the rules they would slow every plan down, by the square of its jobs."""
    rules = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert not re.search(r"^\s+group:", rules, re.M)
    names = set(re.findall(r"^(?:use )?rule (?:\w+ as )?(\w+)", rules, re.M))
    names |= {f"table_{name}" for name in TABLES} | {f"figure_{name}" for name in FIGURES}
    groups = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["groups"]
    alone = {"dataset", "adopt", "weights", "download", "pretrain", "embed", "embed_shard"}
    local = set(re.findall(r"\w+", re.search(r"localrules:.*?\n((?: {4}.*\n)+)", (ROOT / "Snakefile").read_text())[1]))  # fmt: skip
    assert set(groups) == names - alone - local
