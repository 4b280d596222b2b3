"""The examples of CONTRIBUTING.md and of the documentation run as they stand."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from PIL import Image

from imprint.study.load import load
from tests.workflow.warm import warm_python

ROOT = Path(__file__).parents[2]


def python_blocks(page):
    """(heading, code) of every Python block of a page."""
    blocks, heading = [], ""
    text = (ROOT / page).read_text(encoding="utf-8")
    for title, code in re.findall(
        r"^#+ ([^\n]+)$|^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL
    ):
        heading = title or heading
        if code:
            blocks.append((heading, code))
    return blocks


def run(code, folder):
    """Run code as a script in `folder`."""
    script = folder / "example.py"
    script.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [warm_python(), str(script)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("heading", "code"),
    [pytest.param(heading, code, id=heading) for heading, code in python_blocks("CONTRIBUTING.md")],
)
def test_an_example_of_a_new_component_runs(heading, code, tmp_path):
    run(code, tmp_path)


@pytest.mark.parametrize(
    "kind",
    ["NORM", "GEN", "AGG", "distance", "weighting", "dataset source", "table", "figure", "command"],
)
def test_there_is_an_example_for_every_kind_of_component(kind):
    headings = [heading for heading, _ in python_blocks("CONTRIBUTING.md")]
    assert any(heading.removeprefix("An ").removeprefix("A ") == kind for heading in headings)


@pytest.mark.parametrize("page", ["docs/guide/classifier.md", "docs/how-to/own-components.md"])
def test_the_code_on_a_page_runs_from_top_to_bottom(page, tmp_path):
    run("\n".join(code for _, code in python_blocks(page)), tmp_path)


def test_every_piece_of_a_configuration_on_a_page_is_yaml():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    pieces = [
        piece
        for page in pages
        for piece in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert len(pieces) > 5
    for piece in pieces:
        assert isinstance(yaml.safe_load(piece), dict), piece


def test_the_study_to_copy_can_be_run(tmp_path):
    page = (ROOT / "docs/guide/change-the-study.md").read_text(encoding="utf-8")
    (study,) = re.findall(r"```yaml\n(# my-study.yaml.*?)```", page, re.DOTALL)
    (tmp_path / "my-study.yaml").write_text(study)
    assert len(load([tmp_path / "my-study.yaml"]).groups) == 2


def test_the_code_of_the_readme_runs(tmp_path):
    for i, shade in enumerate((20, 40, 200, 220)):
        for folder in (f"photos/{'dark' if shade < 100 else 'light'}", "new-photos"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32), (shade, shade, i)).save(tmp_path / folder / f"{i}.png")
    run("\n".join(code for _, code in python_blocks("README.md")), tmp_path)
    assert (tmp_path / "digits.safetensors").exists()


def test_names_are_in_the_files_that_contributing_says():
    """As in "`PROXIES` in `src/imprint/estimator/wording.py`"."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    places = re.findall(r"`(\w+)`\s+in\s+`([\w/]+\.py)`", text)
    assert len(places) > 8
    for name, place in places:
        files = [path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.py")]
        files = [path for path in files if path.as_posix().endswith(f"/{place}")]
        defined = rf"^(?:(?:def|class) {name}\b|{name}(?:: [^=]+)? = )"
        assert any(re.search(defined, path.read_text(), re.MULTILINE) for path in files), name
