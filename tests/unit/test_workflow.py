"""Fingerprints follow the code a rule runs; jobs end in the user's words."""

import importlib
import logging
import sys
from types import SimpleNamespace

import pytest

from imprint import workflow
from imprint.errors import UserError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A library of two modules, of which one imports the other, under the name imprint_x."""
    root = tmp_path / "imprint"
    root.mkdir()

    def write(**modules):
        for name, text in modules.items():
            (root / f"{name}.py").write_text(text)
        sources = {f"imprint.{p.stem}": p for p in root.glob("*.py")}
        monkeypatch.setattr(workflow, "_source", sources.get)
        workflow._parsed.cache_clear()
        workflow._tree.cache_clear()
        workflow.fingerprint.cache_clear()
        return workflow.fingerprint("imprint.a")

    yield write
    workflow._parsed.cache_clear()
    workflow._tree.cache_clear()
    workflow.fingerprint.cache_clear()


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


def test_an_edit_to_generation_reruns_proxies_but_not_embeddings():
    closure = workflow._closure(("imprint.fm.extract", "imprint.fm.models", "imprint.data.sources"))
    assert not any(name.startswith("imprint.generate") for name in closure)
    assert "imprint.generate.centers" in workflow._closure(("imprint.generate",))


def run(tmp_path, body):
    given = SimpleNamespace(log=[str(tmp_path / "logs" / "rule.log")], threads=1, rule="proxies")
    with workflow.job(given) as log:
        body(log)
    return given.log[0]


def read(tmp_path):
    return (tmp_path / "logs" / "rule.log").read_text()


def test_progress_goes_to_the_log(tmp_path):
    run(tmp_path, lambda log: log.info("half way"))
    assert "half way" in read(tmp_path)
    assert "done in" in read(tmp_path)
    assert not logging.getLogger("imprint").handlers


def test_a_users_mistake_has_no_traceback(tmp_path, capsys):
    def body(log):
        raise UserError("data/x.png is no image")

    with pytest.raises(SystemExit) as caught:
        run(tmp_path, body)
    assert caught.value.code == 1
    assert capsys.readouterr().err == "proxies: data/x.png is no image\n"
    assert "Traceback" not in read(tmp_path)


def test_our_mistake_has_a_traceback_in_the_log(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, lambda log: 1 / 0)
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert "Traceback" in read(tmp_path)


def test_the_snakefile_starts_without_torch_and_scikit_learn():
    """Every job of a cluster parses the workflow: what it imports is paid thousands of times."""
    code = (
        "import sys; import imprint.config, imprint.workflow, imprint.plots, imprint.tables;"
        "print([m for m in ('torch', 'sklearn', 'pandas', 'matplotlib', 'numba', 'h5py', 'scipy') if m in sys.modules])"
    )
    import subprocess

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
    assert importlib.import_module("imprint.config")
