"""The `imprint` command: its help, its messages, and what it imports."""

import json
import shlex
import subprocess
import sys

import numpy as np
import pytest

from imprint.method.proxies import ProxySet
from imprint.store.files import provenance_json
from imprint.store.proxies import write_proxies
from tests.cli.commands import FM, NAMES


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("fit nowhere -o x.safetensors", "nowhere does not exist"),
        ("fit photos -o x.safetensors --checkpoint net.safetensors", "has weights of its own"),
        ("fit photos.h5 -o x.bin", "a head is a .safetensors file"),
        ("fit photos.h5 -o x.safetensors --preset nobody", "unknown method 'nobody'"),
        ("fit photos.h5 -o x.safetensors --gen nothing", "nothing"),
        (f"fit new -o x.safetensors {FM}", "no class folders"),
        (f"embed photos -o x.csv {FM}", "HDF5 file"),
        (
            "embed photos -o x.h5 --fm test_resnet --checkpoint gone.pth",
            "checkpoint gone.pth does not exist",
        ),
        ("predict photos new", "photos is a folder, not a head"),
        (
            "fit net.safetensors -o x.safetensors",
            "net.safetensors holds a head or weights, not images",
        ),
        ("predict gone.safetensors new", "gone.safetensors does not exist"),
        ("compare photos.h5 --folds 50", "the smallest class has 20"),
        ("compare photos.h5 --gen nothing", "unknown GEN 'nothing'"),
        ("compare photos.h5 --gen mean --norm l3", "l3"),
        ("fit photos.h5 -o photos/one", "a head is a .safetensors file"),
        ("fit photos.h5 -o net.safetensors/x.safetensors", "cannot be written"),
        ("fit photos.h5", "Missing option '-o' / '--output'"),
        ("fit photos.h5 -o x.safetensors --speed 3", "No such option: --speed"),
        ("forget photos.h5", "No such command 'forget'"),
        ("show photos", "is a folder"),
        ("show none.csv", "none.csv does not exist"),
    ],
)
def test_a_mistake_ends_in_its_message_and_exit_code_2(imprint, embedded, command, message):
    error = imprint(command, code=2)
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (f"embed photos -o x.h5 {FM} --batch-size -1", "'--batch-size'"),
        (f"fit photos -o x.safetensors {FM} --gen kmean", "kmean"),
        (f"compare photos {FM} --folds 50", "with 50 folds each class needs at least 50 samples"),
        ("fit photos.h5 -o x.safetensors --seed -1", "'--seed'"),
        (
            "fit photos.h5 -o x.safetensors --k abc",
            "k='abc' is neither a positive whole number nor 'auto'",
        ),
        ("fit photos.h5 -o x.safetensors --m 7", "only agg mnn takes it"),
        ("fit photos.h5 -o x.safetensors --preset qi --k 5", "leaves no choice of k"),
        ("fit photos.h5 -o x.safetensors --group trian", "has no group 'trian'"),
        ("compare photos.h5 --ls-lambda 0", "0 is not a positive number"),
        ("compare photos.h5 --k 2,x", "--k: x is not a positive whole number"),
        ("compare photos.h5 --components gone.py", "gone.py does not exist"),
        ("predict net.safetensors new", "is not a head of imprint"),
    ],
)
def test_a_mistake_is_reported_before_images_are_embedded(
    imprint, embedded, monkeypatch, command, message
):
    monkeypatch.setattr("imprint.fm.extract.extract", None)
    assert message in imprint(command, code=2)


def test_show_says_what_is_in_a_file(imprint, workdir, embedded):
    facts = json.loads(imprint("show photos.h5 --json"))
    assert (facts["kind"], facts["samples"], facts["dimensions"], facts["classes"]) == (
        "embeddings",
        60,
        96,
        3,
    )
    assert facts["made_from"]["model"] == "test_resnet"
    imprint("fit photos.h5 -o s.safetensors --k 2")
    head = json.loads(imprint("show s.safetensors --json"))
    assert (head["kind"], head["proxies"], head["class_names"]) == ("head", 6, list(NAMES))
    assert "proxies: 6" in imprint("show s.safetensors")
    sets = {
        ("1", "l2", 7, 0): ProxySet(np.arange(3), values=np.ones((3, 2), np.float32), seconds=0.5)
    }
    write_proxies(workdir / "p.h5", sets, provenance_json(spec={}))
    assert json.loads(imprint("show p.h5 --json"))["sets"] == [
        {"k": "1", "norm_pre": "l2", "seed": "7", "draw": 0, "proxies": 3, "seconds": 0.5}
    ]
    (workdir / "bad.parquet").write_text("no")
    assert "not a readable Parquet" in imprint("show bad.parquet", code=2)


def loaded(command, modules, folder):
    """Those of these modules that a command imports."""
    code = (
        "import sys; from imprint import cli\n"
        "try: cli.main(sys.argv[1:])\n"
        f"except SystemExit as end: print('loaded:', end.code, [m for m in {modules} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *shlex.split(command)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


HEAVY = ("sklearn", "pandas", "scipy", "numba", "matplotlib")


@pytest.mark.parametrize("command", ["--help", "fit --help", "show photos.h5"])
def test_what_computes_nothing_imports_nothing_heavy(workdir, embedded, command):
    assert loaded(command, (*HEAVY, "torch", "timm"), workdir) == "loaded: 0 []"


def test_to_label_an_image_only_the_fm_is_imported(imprint, workdir, embedded):
    """Everything else takes longer to import than the image takes to label."""
    imprint("fit photos.h5 -o light.safetensors")
    command = "predict light.safetensors new/one20.png --reject 0.5 --device cpu"
    assert loaded(command, (*HEAVY, "torch._dynamo"), workdir) == "loaded: 0 []"


def test_help_is_plain_and_fits_80_columns(imprint, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for command in ("compare", "fit", "predict", "embed", "show", "doctor", "status", "cache"):
        text = imprint(f"{command} --help")
        assert text.startswith(f"Usage: imprint {command}") and text.isascii()
        assert max(map(len, text.splitlines())) <= 80
    assert "Examples:\n  imprint fit photos" in imprint("fit --help")


def test_help_describes_the_seldom_options_of_the_fm_once(imprint):
    whole = imprint("embed --help")
    assert "How images are resized" in whole and "Also --" not in whole
    for command in ("fit", "predict", "evaluate", "explain", "add", "export", "compare"):
        text = imprint(f"{command} --help")
        assert "How images are resized" not in text and "--skip-unreadable  " in text
        words = " ".join(text.split())
        assert (
            "Also --weights, --input-size, --mean, --std, --interpolation, --pooling: see imprint embed --help."
            in words
        )
