"""The environments in envs/ are those of pyproject.toml, and have all that the rules in them import."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from imprint.workflow.fingerprint import read, source

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = {r.name: r.specifier for r in map(Requirement, PROJECT["dependencies"])}
TORCH = {"torch", "torchvision", "timm"}

# name on conda-forge (of Snakemake: on bioconda) -> name on PyPI, where they differ
PYPI = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn",
    "snakemake-minimal": "snakemake",
}
# name of an import -> of its package, where they differ; fontTools comes with matplotlib
PACKAGES = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml", "fontTools": "matplotlib"}


def environment(name):
    """{name on PyPI: versions} of an environment file."""
    listed = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())["dependencies"]
    pairs = [package.split(" ") for package in listed]
    return {PYPI.get(package, package): SpecifierSet(versions) for package, versions in pairs}


BASE, WITH_TORCH = environment("base"), environment("torch")


def imports(path):
    """Packages outside the library that a script or module, or what it imports of the library, may import.

    At the top or inside a function; optional extras aside.
    """
    found, todo, seen = set(), [path], set()
    while todo:
        path = todo.pop()
        tree = parsed(path)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
        for name in read(path)[1]:
            if name not in seen and source(name):
                seen.add(name)
                todo.append(source(name))
    extras = {Requirement(r).name for group in PROJECT["optional-dependencies"].values() for r in group}
    return {PACKAGES.get(name, name) for name in found - set(sys.stdlib_module_names) - {"imprint"} - extras}


def parsed(path):
    return ast.parse(path.read_text())


def rules():
    """(script, environment or None) of every rule that has a script."""
    found = []
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for text in re.split(r"^ *rule\b", path.read_text(), flags=re.MULTILINE)[1:]:
            script = re.search(r'script:\s+"\.\./scripts/(\w+)\.py"', text)
            env = re.search(r'conda:\s+"\.\./\.\./envs/(\w+)\.yaml"', text)
            if script:
                found.append((script[1], env and env[1]))
    return found


def test_the_environments_are_the_dependencies_of_the_project():
    expected = {**DEPENDENCIES, "python": SpecifierSet(PROJECT["requires-python"])}
    for env in (BASE, WITH_TORCH):
        assert {name: expected.get(name) for name in env} == env
    assert {*BASE, *WITH_TORCH} == set(expected)
    assert set(WITH_TORCH) >= TORCH
    assert not TORCH & set(BASE)


@pytest.mark.parametrize(("script", "env"), sorted(rules(), key=str))
def test_a_rule_is_in_the_environment_that_has_what_it_imports(script, env):
    needed = imports(SCRIPTS / f"{script}.py")
    if script == "report":  # starts Snakemake again, which is where Snakemake is
        assert env is None
        needed.add("snakemake")
    else:
        assert env == ("torch" if needed & TORCH else "base")
    assert needed <= set(WITH_TORCH if env == "torch" else BASE)


def test_every_script_has_a_rule():
    assert {script for script, _ in rules()} == {path.stem for path in SCRIPTS.glob("*.py")}


def test_the_base_environment_can_start_the_workflow(tmp_path):
    """The Snakefile could come to import torch by way of the library; that it does not is seen by hiding it."""
    hidden = set(WITH_TORCH) - set(BASE)
    code = (
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(name, path, target=None):\n"
        f"        if name in {hidden!r}: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hidden)\n"
        "from snakemake.cli import main\n"
        f"main(['-s', {str(ROOT / 'Snakefile')!r}, '--dry-run'])\n"
    )
    shutil.copy(ROOT / "config.yaml", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {"torch", "numba"} <= hidden


def recipe(name):
    """{path in the image: path here} of what a recipe copies, and its shell commands."""
    text = (ROOT / "envs" / name).read_text()
    if name == "Dockerfile":
        copied = {}
        for *paths, target in (line.split() for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE)):
            copied |= {f"/imprint/{path if target == './' else target}": path for path in paths}
        return copied, re.findall(r"^RUN (.*)$", text, re.MULTILINE)
    sections = dict(re.findall(r"^%(\w+)\n(.*?)(?=^%|\Z)", text, re.MULTILINE | re.DOTALL))
    pairs = [line.split() for line in sections.pop("files").strip().splitlines()]
    return {target: path for path, target in pairs}, list(sections.values())


@pytest.mark.parametrize("name", ["Dockerfile", "apptainer.def"])
def test_an_image_is_made_from_the_lock_as_make_does(name):
    copied, commands = recipe(name)
    assert {"/imprint/Makefile", "/imprint/requirements.lock", "/imprint/requirements-setup.lock"} <= set(
        copied
    )
    assert any("make .venv/ready" in command for command in commands)
    for command in commands:
        subprocess.run(["bash", "-n"], input=command, text=True, check=True)
    text = (ROOT / "envs" / name).read_text()
    python = re.search(r"^(?:FROM|From:) python:([\d.]+)-slim$", text, re.MULTILINE)[1]
    assert f"PYTHON ?= python{python}\n" in (ROOT / "Makefile").read_text()
    assert Version(python) in SpecifierSet(PROJECT["requires-python"])


def test_images_have_all_that_the_study_needs(tmp_path):
    copied, _ = recipe("Dockerfile")
    assert copied == recipe("apptainer.def")[0]
    for target, place_in in copied.items():
        place = tmp_path / target.removeprefix("/imprint/")
        copy = shutil.copytree if (ROOT / place_in).is_dir() else shutil.copy
        copy(ROOT / place_in, place)
    command = [sys.executable, "-m", "snakemake", "-s", str(tmp_path / "Snakefile"), "--dry-run"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "report" in done.stdout + done.stderr
    named = set(re.findall(r"/imprint/([\w./-]+)", (ROOT / "envs/Dockerfile").read_text()))
    assert all((tmp_path / name).exists() for name in named - {".venv/bin"})
