"""The distribution: the core works without the extras, and what needs one says so; the lock is what it claims."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import imprint
from imprint.extras import EXTRAS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTS = {
    "vl-convert-python": "vl_convert",
    "huggingface-hub": "huggingface_hub",
    "pi-heif": "pi_heif",
    "pillow": "PIL",
    "pyyaml": "yaml",
}
BUNDLED = {"fontTools"}  # come with a package of the extra: matplotlib
# typer and rich, of the core, bring pydantic and pygments
HIDDEN = set(sum(EXTRAS.values(), ())) - {"pydantic", "pygments"}
LOCK = (ROOT / "requirements.lock").read_text()

WITHOUT_EXTRAS = f"""
import sys

class Hidden:
    def find_spec(name, path, target=None):
        if name.partition(".")[0] in {sorted(HIDDEN)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Embeddings of two classes, and a head for them."""
    folder = tmp_path_factory.mktemp("core")
    embeddings = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    embeddings[:20, 0] += 6
    embeddings[20:, 1] += 6
    np.savez(folder / "birds.npz", embeddings=embeddings, labels=np.repeat([0, 1], 20))
    (folder / "scores.parquet").touch()
    (folder / "config.yaml").touch()
    (folder / "photos" / "robin").mkdir(parents=True)
    (folder / "photos" / "robin" / "one.png").touch()
    assert run(folder, "fit", "birds.npz", "-o", "head.safetensors", "--k", "2").returncode == 0
    return folder


def run(folder, *arguments):
    """The command `imprint` in an interpreter that has the core alone."""
    code = WITHOUT_EXTRAS + f"from imprint.cli import main\nmain({list(arguments)})"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["compare", "birds.npz", "--folds", "2", "--k", "2"],
        ["fit", "birds.npz", "-o", "auto.safetensors", "--k", "auto"],
        ["predict", "head.safetensors", "birds.npz"],
        ["show", "head.safetensors"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_heads_from_embeddings_need_the_core_alone(folder, arguments):
    done = run(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout or arguments[0] == "fit"


def test_the_estimator_needs_the_core_alone(folder):
    code = WITHOUT_EXTRAS + (
        "import numpy as np\n"
        "from imprint import ImprintingClassifier\n"
        "birds = np.load('birds.npz')\n"
        "head = ImprintingClassifier(k=2).fit(birds['embeddings'], birds['labels'])\n"
        "assert head.score(birds['embeddings'], birds['labels']) > 0.9\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("fm", ["embed", "photos", "-o", "photos.h5", "--fm", "resnet18.a1_in1k"]),
        ("fm", ["fit", "photos", "-o", "photos.safetensors", "--fm", "resnet18.a1_in1k"]),
        ("study", ["show", "scores.parquet"]),
        ("study", ["diff", "scores.parquet", "scores.parquet"]),
        ("study", ["doctor"]),
        ("study", ["status"]),
        ("study", ["cache"]),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_needs_an_extra_says_so_in_one_line(folder, extra, arguments):
    done = run(folder, *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"pip install 'weight-imprinting[{extra}]'" in done.stderr


def test_messages_name_the_extras_of_the_project():
    for extra, packages in EXTRAS.items():
        names = {Requirement(line).name for line in PROJECT["optional-dependencies"][extra]}
        names = {IMPORTS.get(name, name) for name in names - {PROJECT["name"]}}
        assert set(packages) - BUNDLED == names


def test_the_version_is_one():
    assert PROJECT["version"] == imprint.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == imprint.__version__
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## \[?([^\]\s]+)", changes, flags=re.M)[0] == "Unreleased"


def test_types_are_published():
    assert (ROOT / "src/imprint/py.typed").exists()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-setup.lock"])
def test_a_lock_has_hashes_and_no_address(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    requirements = re.findall(r"^[a-zA-Z].*?(?=^[a-zA-Z]|\Z)", text, flags=re.M | re.S)
    assert requirements
    assert all("--hash=sha256:" in requirement for requirement in requirements)


def test_the_lock_meets_the_ranges_of_the_project():
    """All extras but `pam`, whose package is under the GPL."""
    versions = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK, flags=re.M))
    extras = PROJECT["optional-dependencies"]
    lines = PROJECT["dependencies"] + [line for e in extras if e != "pam" for line in extras[e]]
    for requirement in map(Requirement, lines):
        if requirement.name != PROJECT["name"]:
            assert requirement.specifier.contains(Version(versions[requirement.name]))
    assert "kmedoids" not in versions
    assert versions["torch"] != "2.13.0"
