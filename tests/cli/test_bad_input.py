"""Wrong files and arguments: one sentence that names them, exit code 2, nothing overwritten, no traceback."""

import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from imprint import cli
from tests.cli.commands import FM, write_weights

NAMES = ("cat", "dog", "owl")


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """Photographs, embeddings, a head and tables, each also in invalid forms."""
    root = tmp_path_factory.mktemp("input")
    random = np.random.default_rng(0)
    rows = ["path,label"]
    for name in NAMES:
        (root / "photos" / name).mkdir(parents=True)
        for i in range(3):
            pixels = random.integers(0, 256, (48, 48, 3), np.uint8)
            Image.fromarray(pixels).save(root / f"photos/{name}/{i}.jpg")
            rows.append(f"photos/{name}/{i}.jpg,{name}")
    (root / "photos.csv").write_text("\n".join(rows))
    shutil.copytree(root / "photos", root / "nested" / "pets" / "train")
    shutil.copytree(root / "photos", root / "nested" / "pets" / "test")
    shutil.copytree(root / "photos", root / "half" / "train")
    shutil.copytree(root / "photos", root / "broken")
    (root / "broken" / "cat" / "0.jpg").write_text("<html>")
    (root / "broken" / "dog" / "1.jpg").write_bytes(b"")
    whole = (root / "broken" / "owl" / "2.jpg").read_bytes()
    (root / "broken" / "owl" / "2.jpg").write_bytes(whole[: len(whole) // 2])
    shutil.copytree(root / "photos", root / "latin")
    (root / "latin" / "cat" / "0.jpg").rename(root / "latin" / "cat" / os.fsdecode(b"\xe9.jpg"))
    (root / "single").mkdir()
    shutil.copytree(root / "photos" / "cat", root / "single" / "cat")
    for name in ("pipe.jpg", "pipe.npz", "pipe.png"):
        os.mkfifo(root / name)
    messy = shutil.copytree(root / "photos", root / "messy")
    shutil.copy(messy / "cat" / "0.jpg", messy)
    (messy / "Dog").mkdir()
    shutil.copy(messy / "owl" / "0.jpg", messy / "Dog")
    (messy / "zebra").mkdir()
    (messy / "zebra" / "a.jpg").write_text("no image")
    (root / "mine.json").write_text("{}")
    (root / "semicolons.csv").write_text("path;label\nphotos/cat/0.jpg;cat\n")
    np.savez(root / "cubes.npz", embeddings=np.zeros((3, 2, 2)), labels=np.arange(3))
    (root / "table.csv").write_bytes("path,label\nk\xe4tzchen.jpg,cat\n".encode("latin-1"))
    x, labels = random.normal(size=(30, 4)).astype("f4"), np.repeat(NAMES, 10)
    for name, y in {
        "good": labels,
        "objects": labels.astype(object),
        "nobody": np.where(np.arange(30) == 4, None, labels.astype(object)),
        "alike": np.zeros(30, int),
        "endless": np.where(np.arange(30) < 9, np.inf, 1.0),
        "large": np.arange(30) % 3 * 1e300,
    }.items():
        np.savez(root / f"{name}.npz", embeddings=x, labels=y)
    np.save(root / "alone.npy", x)
    np.savez(root / "words.npz", embeddings=x.astype(str), labels=labels)
    (root / "file").write_text("no head")
    (root / "file.h5").write_text("no HDF5")
    with h5py.File(root / "damaged.h5", "w") as file:
        file["embeddings"] = 1.0
    with h5py.File(root / "foreign.h5", "w") as file:
        file["array"], file["group/of/arrays"], file["a/b/seedx/draw0/e"] = 1.0, 2.0, 3.0
    write_weights(root)
    return root


@pytest.fixture
def imprint(workdir, monkeypatch, run):
    """Run a command in `workdir`."""
    monkeypatch.chdir(workdir)

    if not Path("head.safetensors").exists():
        run("fit good.npz -o head.safetensors --gen mean")
    return run


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("fit '' -o h.safetensors", "an argument is empty"),
        ("fit nowhere -o h.safetensors", "nowhere does not exist"),
        ("fit nested -o h.safetensors", "Run: imprint fit nested/pets -o h.safetensors"),
        (
            "explain head.safetensors good.npz --train=nested",
            "Run: imprint explain head.safetensors good.npz --train=nested/pets",
        ),
        ("evaluate head.safetensors half", "Run: imprint evaluate head.safetensors half/train"),
        ("embed half -o half.h5 --split test", "half has no splits to choose from"),
        ("fit single -o h.safetensors", "single: all samples are of one class, 'cat'"),
        ("fit good.npz -o mine.safetensors", "mine.json is a file of something else"),
        ("predict head.safetensors good.npz -o labels.xlsx", "name a .csv file"),
        ("compare good.npz -o ranking.h5", "name a .csv file"),
        ("fit semicolons.csv -o h.safetensors", "separated by semicolons; use commas"),
        ("fit cubes.npz -o h.safetensors", "'embeddings' have the shape (3, 2, 2)"),
        ("fit alike.npz -o h.safetensors", "alike.npz: all samples are of one class"),
        ("fit nobody.npz -o h.safetensors", "the label in row 4 is None"),
        ("fit endless.npz -o h.safetensors", "neither names nor whole numbers of at most 64 bits"),
        ("fit large.npz -o h.safetensors", "neither names nor whole numbers of at most 64 bits"),
        ("fit words.npz -o h.safetensors", "'embeddings' are <U"),
        ("fit latin -o h.safetensors", r"latin/cat/\xe9.jpg; rename these files"),
        ("fit table.csv -o h.safetensors", "table.csv cannot be read: it is not UTF-8"),
        ("fit pipe.jpg -o h.safetensors", "pipe.jpg is a device or a pipe"),
        ("fit pipe.npz -o h.safetensors", "pipe.npz is a device or a pipe"),
        ("embed good.npz -o e.h5", "good.npz holds embeddings, not images"),
        ("fit alone.npy -o h.safetensors", "alone.npy is a single array; give embeddings as .npz"),
        ("predict head.safetensors alone.npy", "alone.npy is a single array"),
        ("predict head.json good.npz", "description of a head; give the head, head.safetensors"),
        (
            "evaluate head.safetensors good.npz --picture p.png",
            "good.npz does not say where its images are; name their folder as images (--images)",
        ),
        ("predict head.safetensors /dev/null", "/dev/null is a device or a pipe"),
        (
            "evaluate head.safetensors good.npz --curve pipe.png",
            "--curve pipe.png is a device or a pipe; name a file",
        ),
        ("predict file good.npz", "file is not a head of imprint"),
        ("predict head.safetensors " + "a" * 300, "File name too long"),
        ("fit good.npz -o file/h.safetensors", "file is a file or is inside one"),
        ("fit good.npz -o /proc/h.safetensors", "--output /proc/h.safetensors cannot be written"),
        (
            "evaluate head.safetensors good.npz --curve /proc/c.png",
            "--curve /proc/c.png cannot be written",
        ),
        (
            "evaluate head.safetensors good.npz --curve c.png --picture sub/../c.png",
            "--picture and --curve are one file",
        ),
        (
            "fit good.npz -o h.safetensors --method whiten --preset qi",
            "--method and --preset are two names of one option; give it once",
        ),
        ("embed photos -o photos", "embeddings go to an HDF5 file"),
        ("predict head.safetensors good.npz -o /dev/full", "No space left on device"),
        ("predict head.safetensors good.npz -o photos", "photos is a folder"),
        ("show damaged.h5", "damaged.h5 is damaged"),
        ("show file.h5", "not a readable HDF5 file"),
        ("show foreign.h5", "holds neither embeddings, images nor proxies of imprint"),
        (f"embed photos -o e.h5 {FM}:", "this machine has no device 'cpu:'; it has: cpu"),
        (f"embed photos -o e.h5 {FM}:00", "this machine has no device 'cpu:00'; it has: cpu"),
        (
            "embed photos -o e.h5 --fm test_resnet.foo --checkpoint net.safetensors",
            "'test_resnet.foo': timm's weights are named with a tag; test_resnet has r160_in1k",
        ),
        ("fti good.npz", "Did you mean 'fit'?"),
        ("fit good.npz -o h.safetensors --gen kmean", "(did you mean 'kmeans'?)"),
        (
            "fit good.npz -o h.safetensors --gen kmean --norm-post quantile_fm",
            "(did you mean 'kmeans'?)",
        ),
        (
            "fit good.npz -o h.safetensors --method ls",
            "known: auto, qi, hosoda, janson, westerhoff, oracle, whiten, ridge",
        ),
        ("fit good.npz -o h.safetensors --k 0", "neither a positive whole number nor 'auto'"),
    ],
)
def test_a_mistake_is_one_message(imprint, workdir, command, words):
    error = imprint(command, code=2)
    assert words in error
    assert "Traceback" not in error and "/tmp/" not in error.replace(str(workdir), "")


@pytest.mark.parametrize(
    "command",
    [
        "compare good.npz -o good.npz",
        "compare good.npz -o photos/../good.npz",
        "compare good.npz -o link.npz",
        "predict head.safetensors good.npz -o head.safetensors",
        "predict head.safetensors photos.csv -o photos.csv",
        "predict head.safetensors photos -o photos/cat/0.jpg",
        "predict head.safetensors good.npz -o head.json",
        "evaluate head.safetensors photos --picture photos/cat/0.jpg",
        "evaluate head.safetensors photos --curve photos/cat/0.jpg",
        f"fit photos -o net.safetensors {FM}",
        "fit good.npz -o own.safetensors --components own.safetensors",
        "export head.safetensors -o head.safetensors --to torch",
    ],
)
def test_no_input_is_overwritten(imprint, workdir, command):
    Path("own.safetensors").write_text("components")
    if not Path("link.npz").exists():
        Path("link.npz").symlink_to("good.npz")
    before = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    assert "would be lost; name another file" in imprint(command, code=2)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    "command",
    [
        "predict head.safetensors long.npz -o kept.csv",
        "fit long.npz -o kept.safetensors --gen all",
    ],
)
def test_an_output_stays_as_it_was_if_the_disk_is_full(imprint, workdir, command):
    random = np.random.default_rng(0)
    x = random.normal(size=(9000, 4)).astype("f4")
    np.savez("long.npz", embeddings=x, labels=np.arange(9000) % 3)
    output = Path(command.split()[4])
    output.write_text("kept")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    try:
        error = imprint(command, code=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in error and "Traceback" not in error
    assert output.read_text() == "kept" and not list(workdir.glob(".kept*"))


def test_options_without_effect_are_noted(imprint, caplog):
    for command in (
        "fit good.npz -o noted.safetensors",
        "evaluate head.safetensors good.npz",
        "add head.safetensors good.npz -o noted.safetensors",
        "predict head.safetensors good.npz",
        "compare good.npz --gen mean --folds 2",
    ):
        caplog.clear()
        imprint(f"{command} --fm resnet50.a1_in1k --group train")
        notes = [record.message for record in caplog.records]
        assert "note: good.npz is no HDF5 file, so the group train is not used" in notes
        assert (
            "note: good.npz holds embeddings, so the FM is not used: fm resnet50.a1_in1k" in notes
        )


def test_a_head_may_be_changed_in_place(imprint):
    shutil.copy("head.safetensors", "changed.safetensors")
    assert "removed owl" in imprint("remove changed.safetensors owl -o changed.safetensors")


def test_all_broken_images_are_listed_at_once_or_left_out(imprint, caplog):
    error = imprint(f"fit broken -o h.safetensors {FM}", code=2)
    assert "3 of 9 images cannot be read" in error and "--skip-unreadable" in error
    assert "broken/dog/1.jpg: it is empty" in error
    assert all(name in error for name in ("broken/cat/0.jpg", "broken/owl/2.jpg: it is cut off"))
    imprint(f"embed broken -o broken.h5 {FM} --skip-unreadable")
    assert "skipped: broken/cat/0.jpg" in caplog.text and "3 of 9 images skipped" in caplog.text
    assert "/tmp/" not in caplog.text


def test_embeddings_of_other_images_are_not_replaced_without_a_note(imprint, capsys):
    for source, note in (("photos", ""), ("photos", ""), ("single", "e.h5 held 9 embeddings of")):
        with pytest.raises(SystemExit):
            cli.main(f"embed {source} -o e.h5 {FM}".split())
        notes = capsys.readouterr().err
        assert (note in notes) if note else ("held" not in notes)


def test_embeddings_of_another_program_are_not_replaced(imprint, workdir):
    with h5py.File(workdir / "mine.h5", "w") as file:
        file["embeddings"] = np.ones((5, 3))
    shutil.copy(workdir / "foreign.h5", workdir / "strange.h5")
    for output in ("mine.h5", "strange.h5"):
        before = (workdir / output).read_bytes()
        assert "would be lost" in imprint(f"embed photos -o {output} {FM}", code=2)
        assert (workdir / output).read_bytes() == before


def test_labels_may_be_objects(imprint):
    imprint("fit objects.npz -o objects.safetensors --gen mean")
    assert "on 30 samples" in imprint("evaluate objects.safetensors objects.npz")
    assert imprint("predict objects.safetensors objects.npz").count("\n") == 31
    again = imprint("add objects.safetensors objects.npz -o o.safetensors")
    assert again == "o.safetensors: 3 proxies of 3 classes; took in 0 samples\n"
    assert "on 30 samples" in imprint("evaluate o.safetensors objects.npz")


def test_fit_reports_skipped_files_and_unknown_arguments(imprint, workdir):
    running = started(workdir, f"fit messy -o messy.safetensors {FM} --skip-unreadable")
    _, notes = running.communicate()
    assert running.returncode == 0, notes
    assert "images beside the folders of classes are left out: 0.jpg" in notes
    assert "'Dog' and 'dog' are two classes" in notes
    assert "no image of zebra can be read: the head does not know it" in notes
    assert "few images of Dog (1), cat (3)" in notes
    assert "no image of Dog could be held out" in notes
    assert "class_names: Dog, cat, dog, owl\n" in imprint("show messy.safetensors")


def started(workdir, command, **options):
    words = [sys.executable, "-m", "imprint", *shlex.split(command)]
    return subprocess.Popen(words, cwd=workdir, stderr=subprocess.PIPE, text=True, **options)


def test_standard_output_is_not_replaced_as_a_file(imprint, workdir):
    command = "imprint predict head.safetensors good.npz -o /dev/stdout"
    program = (
        f"echo before; {sys.executable} -m imprint {command.removeprefix('imprint ')}; echo after"
    )
    with open(workdir / "all.csv", "w") as file:
        subprocess.run(["sh", "-c", program], cwd=workdir, stdout=file, check=True)
    first, header, *rows, last = (workdir / "all.csv").read_text().splitlines()
    assert (first, header, last) == ("before", "id,label,score", "after") and len(rows) == 30


def test_a_table_may_be_written_to_a_pipe(imprint):
    reading, writing = os.pipe()
    imprint(f"predict head.safetensors good.npz -o /dev/fd/{writing}")
    os.close(writing)
    with open(reading) as output:
        assert output.readline() == "id,label,score\n"


def test_the_end_of_a_pipe_is_quiet_and_a_full_disk_one_line(imprint, workdir):
    np.savez("many.npz", embeddings=np.ones((20_000, 4), "f4"))
    reader = started(workdir, "predict head.safetensors many.npz", stdout=subprocess.PIPE)
    assert reader.stdout.readline() == "id,label,score\n"
    reader.stdout.close()
    assert reader.stderr.read().count("\n") <= 1  # a note, but no traceback
    assert reader.wait() == 0
    with Path("/dev/full").open("w") as full:
        process = started(workdir, "show head.safetensors", stdout=full)
        error = process.communicate()[1]
    assert error == "the output cannot be written: No space left on device\n"
    assert process.returncode == 2


def test_a_command_without_outputs_does_its_work(imprint, workdir):
    command = f"{sys.executable} -m imprint embed photos -o silent.h5 {FM} >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=workdir, check=False).returncode == 0
    assert (workdir / "silent.h5").exists()


IGNORED = """
import signal, time, weakref
values = set()
reference = weakref.ref(values, lambda _: signal.raise_signal(signal.SIGINT))
del values
time.sleep(60)
"""


def with_components(workdir, code):
    """A command that runs Python code, for which Ctrl-C is not ignored as it is in a job of a shell."""
    Path("slow.py").write_text(code)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        command = "fit good.npz -o h.safetensors --components slow.py"
        return started(workdir, command, stdout=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_one_line(imprint, workdir):
    process = with_components(workdir, "import time\nprint('ready', flush=True)\ntime.sleep(300)\n")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == "interrupted\n"
    assert process.returncode == 130


def test_ctrl_c_in_a_call_from_which_python_raises_nothing_is_not_lost(imprint, workdir):
    process = with_components(workdir, IGNORED)
    assert process.communicate()[1] == "interrupted\n"
    assert process.returncode == 130


def test_a_file_that_is_not_imprints_is_not_to_be_deleted(imprint):
    assert "delete" not in imprint("show file.h5", code=2)


def test_an_image_whose_name_is_not_utf8_is_to_be_renamed(imprint, tmp_path):
    image = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    shutil.copy("photos/cat/0.jpg", image)
    error = imprint(f"embed {image} -o e.h5 {FM}", code=2)
    assert r"caf\xe9.jpg; rename these files" in error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 32.0 MiB"),
        MemoryError(),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_too_little_memory_is_one_line(run, monkeypatch, error):
    def refuse(path):
        raise error

    monkeypatch.setattr("imprint.store.frames.read_parquet", refuse)
    message = run("diff a.parquet b.parquet", code=2)
    assert message.startswith("not enough memory") and message.count("\n") == 1
    assert str(error) in message and "ulimit -v" in message
