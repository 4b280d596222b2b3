"""Fingerprints follow the code a rule runs; jobs end in the user's words."""

import ast
import errno
import importlib
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from imprint import workflow
from imprint.errors import UserError

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


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
        script = tmp_path / "script.py"
        script.write_text("from imprint import a\n")
        return workflow.fingerprint(script)

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


def test_an_edit_to_generation_reruns_proxies_but_not_embeddings_and_scores():
    def used_by(script):
        return workflow._closure(workflow._imports(ast.parse((SCRIPTS / f"{script}.py").read_text())))

    assert "imprint.generate.centers" in used_by("proxies")
    for other in ("dataset", "pretrain", "embed", "evaluate", "collapse", "collect"):
        assert not any(name.startswith("imprint.generate") for name in used_by(other)), other


@pytest.mark.parametrize("script", sorted(p.stem for p in SCRIPTS.glob("*.py")))
def test_only_pretraining_and_embedding_import_torch(script):
    """It takes seconds, in thousands of jobs."""
    tree = ast.parse((SCRIPTS / f"{script}.py").read_text())
    imports = "\n".join(ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom))
    code = f"import sys\n{imports}\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{script == 'pretrain'}\n"  # embed imports it in the branch that needs it


def test_every_script_has_a_fingerprint_of_its_own():
    prints = [workflow.fingerprint(script) for script in SCRIPTS.glob("*.py")]
    assert len(set(prints)) == len(prints) > 8


def run(tmp_path, body):
    given = SimpleNamespace(
        log=[str(tmp_path / "logs" / "rule.log")],
        threads=1,
        rule="proxies",
        wildcards=["net", "digits"],
        output=[tmp_path / "results/k1.h5"],
    )
    with workflow.job(given) as did:
        body(did)
    return given.log[0]


def read(tmp_path):
    return (tmp_path / "logs" / "rule.log").read_text()


def test_progress_goes_to_the_log_and_what_was_done_to_the_terminal_too(tmp_path, capsys):
    def body(did):
        workflow.log.info("half way")
        did("two of three")

    run(tmp_path, body)
    assert "half way" in read(tmp_path)
    assert "two of three" in read(tmp_path)
    said = capsys.readouterr().err
    assert said.startswith("proxies      net digits  0.") and said.endswith(" s  two of three\n")
    assert "done in" in read(tmp_path)
    assert not logging.getLogger("imprint").handlers


def test_a_users_mistake_has_no_traceback(tmp_path, capsys):
    def body(did):
        raise UserError("data/x.png is no image")

    with pytest.raises(SystemExit) as caught:
        run(tmp_path, body)
    assert caught.value.code == 1
    assert capsys.readouterr().err == "proxies: data/x.png is no image\n"
    assert "Traceback" not in read(tmp_path)


@pytest.mark.parametrize(
    ("number", "name", "said"),
    [
        (errno.ENOSPC, None, "{}/results/k1.h5: No space left on device; make room and run again"),
        (errno.EFBIG, None, "{}/results/k1.h5: File too large; make room and run again"),
        (errno.EACCES, "data/x.h5", "data/x.h5: Permission denied; give this user the right to it"),
        (errno.EROFS, "results/x", "results/x: Read-only file system; give this user the right to it"),
        (errno.EIO, None, "OSError: [Errno 5] it broke (traceback in"),
    ],
)
def test_a_full_or_read_only_disk_is_told_with_the_way_out(tmp_path, capsys, number, name, said):
    def body(did):
        raise OSError(number, "it broke", name) if name else OSError(number, "it broke")

    with pytest.raises(SystemExit):
        run(tmp_path, body)
    assert capsys.readouterr().err.startswith(f"proxies: {said.format(tmp_path)}")


def test_a_directory_that_cannot_be_written_to_is_told_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(os, "access", lambda place, mode: "results" not in str(place))
    workflow.ready(Path("results"))
    assert f"{tmp_path}/results cannot be written to" in capsys.readouterr().err
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.raises(UserError, match=r"cannot be written to.*another directory"):
        workflow.ready(Path("results"))


def test_files_of_the_future_are_given_the_present_time(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/scores").mkdir(parents=True)
    for name, seconds in (("early", 4e9), ("late", 1e9)):
        (tmp_path / "results/scores" / name).touch()
        os.utime(tmp_path / "results/scores" / name, (seconds, seconds))
    workflow.ready(Path("results"))
    assert "1 files in results were of the future" in capsys.readouterr().err
    assert abs((tmp_path / "results/scores/early").stat().st_mtime - time.time()) < 60
    assert (tmp_path / "results/scores/late").stat().st_mtime == 1e9


def test_our_mistake_has_a_traceback_in_the_log(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, lambda did: 1 / 0)
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert "Traceback" in read(tmp_path)


def test_the_snakefile_starts_without_torch_and_scikit_learn():
    """Every job of a cluster parses the workflow: what it imports is paid thousands of times."""
    code = (
        "import sys; import imprint.config, imprint.workflow, imprint.plots, imprint.tables;"
        "print([m for m in ('torch', 'sklearn', 'pandas', 'matplotlib', 'numba', 'h5py', 'scipy') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
    assert importlib.import_module("imprint.config")
