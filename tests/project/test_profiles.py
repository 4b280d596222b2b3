"""The profile for SLURM plans whole studies; tests/slurm runs a small one with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
