"""The environments in envs/ are those of pyproject.toml, and have all that the rules in them import."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
IMAGES = {
    requirement
    for extra in ("weights", "huggingface", "heif")
    for requirement in EXTRAS[extra]
    if not requirement.startswith(PROJECT["name"])
}
TORCH = {"torch", "torchvision", "timm", "huggingface-hub"}

# name on conda-forge (of Snakemake: on bioconda) -> name on PyPI, where they differ
PYPI = {
    "huggingface_hub": "huggingface-hub",
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn",
    "snakemake-minimal": "snakemake",
}
# name of an import -> of its package, where they differ; fontTools comes with matplotlib, pydantic_core with pydantic
PACKAGES = {
    "PIL": "pillow",
    "huggingface_hub": "huggingface-hub",
    "pi_heif": "pi-heif",
    "sklearn": "scikit-learn",
    "vl_convert": "vl-convert-python",
    "yaml": "pyyaml",
    "fontTools": "matplotlib",
    "pydantic_core": "pydantic",
}


def requirements(lines):
    """{name: versions} of requirements, those of the project's own extras resolved."""
    resolved = {}
    for requirement in map(Requirement, lines):
        if requirement.name == PROJECT["name"]:
            for extra in requirement.extras:
                resolved |= requirements(EXTRAS[extra])
        else:
            resolved[requirement.name] = requirement.specifier
    return resolved


def environment(name):
    """{name on PyPI: versions} of an environment file."""
    listed = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())["dependencies"]
    from_pypi = [p for entry in listed if isinstance(entry, dict) for p in entry["pip"]]
    plain = [entry for entry in listed if isinstance(entry, str) and entry != "pip"]
    pairs = [package.split(" ") for package in plain + from_pypi]
    return {PYPI.get(package, package): SpecifierSet(versions) for package, versions in pairs}


STUDY = {
    **requirements(PROJECT["dependencies"]),
    **requirements(EXTRAS["study"]),
    "python": SpecifierSet(PROJECT["requires-python"]),
}
BASE, WITH_TORCH = environment("base"), environment("torch")


@pytest.fixture(scope="module")
def graph():
    graph = grimp.build_graph("imprint", include_external_packages=True, cache_dir=None)
    # it registers what is in a file and calls nothing; distances import torch when called on a GPU
    graph.remove_import(importer="imprint.method.user_files", imported="imprint.method.distances")
    # and k-means only where it is given a device
    kmeans = "imprint.method.generate.batched_kmeans"
    for imported in ("imprint.devices", "imprint.method.generate.kmeans_on_device"):
        graph.remove_import(importer=kmeans, imported=imported)
    return graph


def imports(script, graph):
    """Packages that a script may import, by way of the library too; those of the extras onnx and pam aside."""
    tree = ast.parse(script.read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    modules = {name for name in names if name in graph.modules}
    for module in set(modules):
        modules |= graph.find_upstream_modules(module)
    packages = {name.split(".")[0] for name in names | modules}
    optional = {*requirements(EXTRAS["onnx"]), *requirements(EXTRAS["pam"])} - set(STUDY)
    standard = {*sys.stdlib_module_names, "imprint"}
    return {PACKAGES.get(name, name) for name in packages - standard - optional}


def rules():
    """(script, environment or None) of every rule that has a script."""
    pairs = []
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for text in re.split(r"^ *rule\b", path.read_text(), flags=re.MULTILINE)[1:]:
            script = re.search(r'script:\s+"\.\./scripts/(\w+)\.py"', text)
            env = re.search(r'conda:\s+"\.\./\.\./envs/(\w+)\.yaml"', text)
            if script:
                pairs.append((script[1], env and env[1]))
    return pairs


def test_the_environments_are_the_extra_study():
    assert {name: STUDY[name] for name in set(STUDY) - TORCH} == BASE
    with_images = STUDY | requirements(IMAGES)
    assert {name: with_images[name] for name in set(with_images) - {"snakemake"}} == WITH_TORCH


@pytest.mark.parametrize(("script", "env"), sorted(rules(), key=str))
def test_a_rule_is_in_the_environment_that_has_what_it_imports(script, env, graph):
    needed = imports(SCRIPTS / f"{script}.py", graph)
    if script == "proxies":  # the only rule that gives a GEN a device
        needed.add("torch")
    if script == "workflow_report":  # starts Snakemake again, so it runs where Snakemake is
        assert env is None
        needed.add("snakemake")
    else:
        assert env == ("torch" if needed & TORCH else "base")
    assert needed <= set(WITH_TORCH if env == "torch" else BASE)


def test_every_script_has_a_rule():
    assert {script for script, _ in rules()} == {path.stem for path in SCRIPTS.glob("*.py")}


def test_the_base_environment_can_start_the_workflow(tmp_path):
    """The Snakefile imports the library, which must not import torch: here it is hidden."""
    code = (
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(name, path, target=None):\n"
        f"        if name in {TORCH!r}: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hidden)\n"
        "from snakemake.cli import main\n"
        f"main(['-s', {str(ROOT / 'Snakefile')!r}, '--dry-run'])\n"
    )
    shutil.copy(ROOT / "config.yaml", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def recipe(name):
    """{path in the image: path here} of what a recipe copies, and its shell commands."""
    text = (ROOT / "envs" / name).read_text()
    if name == "Dockerfile":
        copied = {}
        for *paths, target in (
            line.split() for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE)
        ):
            copied |= {f"/imprint/{path if target == './' else target}": path for path in paths}
        return copied, re.findall(r"^RUN (.*)$", text, re.MULTILINE)
    sections = dict(re.findall(r"^%(\w+)\n(.*?)(?=^%|\Z)", text, re.MULTILINE | re.DOTALL))
    pairs = [line.split() for line in sections.pop("files").strip().splitlines()]
    return {target: path for path, target in pairs}, list(sections.values())


@pytest.mark.parametrize("name", ["Dockerfile", "apptainer.def"])
def test_an_image_is_made_from_the_lock_as_make_does(name):
    copied, commands = recipe(name)
    assert {
        "/imprint/Makefile",
        "/imprint/requirements.lock",
        "/imprint/requirements-setup.lock",
    } <= set(copied)
    assert any("make .venv/ready" in command for command in commands)
    for command in commands:
        subprocess.run(["bash", "-n"], input=command, text=True, check=True)
    text = (ROOT / "envs" / name).read_text()
    python = re.search(r"^(?:FROM|From:) python:([\d.]+)-slim$", text, re.MULTILINE)[1]
    assert f"PYTHON ?= python{python}\n" in (ROOT / "Makefile").read_text()
    assert Version(python) in SpecifierSet(PROJECT["requires-python"])


def test_an_image_gives_a_name_and_a_home_to_a_user_that_is_only_a_number():
    """`docker run --user` names one who is not in the image, and Snakemake fails without either."""
    text = (ROOT / "envs/Dockerfile").read_text()
    settings = " ".join(re.findall(r"^ENV (.*)$", text, re.MULTILINE))
    given = dict(setting.split("=", 1) for setting in settings.split())
    code = "import getpass, os; os.getuid = lambda: 2**31; print(getpass.getuser())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert given["HOME"] == "/tmp"


def test_images_have_all_that_the_study_needs(tmp_path):
    copied, _ = recipe("Dockerfile")
    assert copied == recipe("apptainer.def")[0]
    for target, source in copied.items():
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, tmp_path / target.removeprefix("/imprint/"))
    command = [sys.executable, "-m", "snakemake", "-s", str(tmp_path / "Snakefile"), "--dry-run"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "report" in done.stdout + done.stderr
    paths = set(re.findall(r"/imprint/([\w./-]+)", (ROOT / "envs/Dockerfile").read_text()))
    assert all((tmp_path / path).exists() for path in paths - {".venv/bin"})
