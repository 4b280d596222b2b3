"""Fingerprints follow the code that a rule runs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from imprint.workflow import fingerprint

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


def forget():
    fingerprint.read.cache_clear()
    fingerprint.fingerprint.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A library of two modules, of which one imports the other, under the name imprint_x."""
    root = tmp_path / "imprint"
    root.mkdir()

    def write(**modules):
        for name, text in modules.items():
            (root / f"{name}.py").write_text(text)
        sources = {f"imprint.{p.stem}": p for p in root.glob("*.py")}
        monkeypatch.setattr(fingerprint, "source", sources.get)
        forget()
        script = tmp_path / "script.py"
        script.write_text("from imprint import a\n")
        return fingerprint.fingerprint(script)

    yield write
    forget()


def test_docstrings_comments_and_layout_do_not_count(package):
    first = package(a='"""One."""\ndef f(x):\n    """Two."""\n    return x + 1\n')
    assert package(a="# a comment\ndef f(x):\n\n    return (x\n            + 1)\n") == first
    assert package(a="def f(x):\n    return x + 2\n") != first


def test_an_edit_to_an_imported_module_counts_and_to_another_does_not(package):
    first = package(a="from imprint import b\n", b="x = 1\n", c="x = 1\n")
    assert package(a="from imprint import b\n", b="x = 1\n", c="x = 2\n") == first
    assert package(a="from imprint import b\n", b="x = 2\n", c="x = 1\n") != first


def test_an_import_inside_a_function_counts(package):
    first = package(a="def f():\n    from imprint.b import x\n", b="x = 1\n")
    assert package(a="def f():\n    from imprint.b import x\n", b="x = 2\n") != first


def test_an_edit_to_generation_reruns_proxies_but_not_embeddings_and_scores():
    def used_by(script):
        return fingerprint.closure(fingerprint.read(SCRIPTS / f"{script}.py")[1])

    assert "imprint.generate.centers" in used_by("proxies")
    for other in ("dataset", "pretrain", "embed", "evaluate", "collapse", "collect"):
        assert not any(name.startswith("imprint.generate") for name in used_by(other)), other


@pytest.mark.parametrize("script", sorted(p.stem for p in SCRIPTS.glob("*.py")))
def test_only_what_makes_weights_or_embeds_imports_torch(script):
    """It takes seconds, in thousands of jobs."""
    tree = ast.parse((SCRIPTS / f"{script}.py").read_text())
    imports = "\n".join(ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom))
    code = f"import sys\n{imports}\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (
        done.stdout == f"{script in ('pretrain', 'weights')}\n"
    )  # embed imports it in the branch that needs it


def test_every_script_has_a_fingerprint_of_its_own():
    prints = [fingerprint.fingerprint(script) for script in SCRIPTS.glob("*.py")]
    assert len(set(prints)) == len(prints) > 8


def test_the_snakefile_starts_without_torch_and_scikit_learn():
    """Every job of a cluster parses the workflow: what it imports is paid thousands of times."""
    code = (
        "import sys; import imprint.config, imprint.workflow.fingerprint, imprint.workflow.ready, imprint.plots, imprint.tables;"
        "print([m for m in ('torch', 'sklearn', 'pandas', 'matplotlib', 'numba', 'h5py', 'scipy') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
