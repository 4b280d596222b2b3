"""The `imprint` command on a folder of images and on embeddings, as its users type it."""

import csv
import io
import json
import shlex
import subprocess
import sys
import tarfile

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from imprint import cli
from imprint.estimator.classifier import ImprintingClassifier
from imprint.method.proxies import ProxySet
from imprint.store.embeddings import read_embeddings
from imprint.store.files import provenance_json
from imprint.store.proxies import write_proxies

NAMES = ("one", "two", "zero")


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """photos/ with a folder a class, new/ without, a file of weights."""
    import timm
    import torch

    root = tmp_path_factory.mktemp("cli")
    digits = load_digits()
    number = {"zero": 0, "one": 1, "two": 2}
    for name in NAMES:
        for i, row in enumerate(np.flatnonzero(digits.target == number[name])[:30]):
            folder = root / "photos" / name if i < 20 else root / "new"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray((digits.images[row] * 15.9).astype("uint8")).resize((32, 32)).save(
                folder / f"{name}{i}.png"
            )
    torch.manual_seed(0)
    save_file(
        timm.create_model("test_resnet", num_classes=5).state_dict(), root / "net.safetensors"
    )
    return root


@pytest.fixture
def imprint(workdir, monkeypatch, capsys):
    """Run a command in `workdir`; returns its output, or its errors where `code` is not 0."""
    monkeypatch.chdir(workdir)

    def run(command, code=0):
        with pytest.raises(SystemExit) as ended:
            cli.main(shlex.split(command))
        output = capsys.readouterr()
        assert ended.value.code == code, output.err
        return output.err if code else output.out

    return run


FM = "--fm test_resnet --checkpoint net.safetensors --device cpu"


@pytest.fixture
def embedded(imprint, workdir):
    if not (workdir / "photos.h5").exists():
        imprint(f"embed photos -o photos.h5 {FM}")
    return read_embeddings(workdir / "photos.h5")


def test_embeddings_of_a_folder_have_its_classes(embedded):
    assert embedded.class_names == NAMES
    assert embedded.x.shape == (60, 96)
    assert embedded.ids[0].startswith("one/")


def test_from_a_folder_to_labels(imprint, workdir, embedded):
    facts = json.loads(imprint(f"fit photos -o own.safetensors {FM} --k 3 --json"))
    assert facts["classes"] == list(NAMES) and facts["proxies"] == 9
    imprint("predict own.safetensors new -o labels.csv --device cpu")
    rows = list(csv.DictReader((workdir / "labels.csv").open()))
    assert len(rows) == 30
    assert (
        np.mean([row["id"].startswith(row["label"]) for row in rows]) > 0.5
    )  # the FM has random weights; chance is a third
    alone = json.loads(imprint(f"predict own.safetensors new/{rows[0]['id']} --json"))
    assert alone["label"] == rows[0]["label"] and alone["id"] == rows[0]["id"]
    few, many = (imprint(f"predict own.safetensors new --reject {s}") for s in (0.05, 0.9))
    assert few.count("rejected") < 15 < many.count("rejected")


def test_without_a_model_named_imagenet_weights_of_a_package_are_taken(imprint, workdir):
    imprint("fit photos -o imagenet.safetensors --device cpu")
    facts = json.loads(imprint("show imagenet.safetensors --json"))
    assert facts["fm"]["source"] == "package" and facts["fm"]["model"] == "tf_efficientnet_lite0"
    rows = list(
        csv.DictReader(imprint("predict imagenet.safetensors new --device cpu").splitlines())
    )
    assert np.mean([row["id"].startswith(row["label"]) for row in rows]) > 0.9
    again = json.loads(
        imprint("embed new -o new.h5 --fm tf_efficientnet_lite0 --device cpu --json")
    )
    assert again["dimensions"] == 1280


def test_a_head_predicts_as_the_estimator(imprint, workdir, embedded):
    imprint("fit photos.h5 -o e.safetensors --preset qi")
    by_name = np.array(embedded.class_names)[embedded.y]
    expected = ImprintingClassifier.preset("qi").fit(embedded.x, by_name).predict(embedded.x)
    rows = [
        json.loads(line) for line in imprint("predict e.safetensors photos.h5 --json").splitlines()
    ]
    assert [row["label"] for row in rows] == expected.tolist()
    assert [row["id"] for row in rows] == embedded.ids.tolist()


def test_a_comparison_ranks_by_cross_validated_accuracy(imprint, workdir, embedded):
    command = "compare photos.h5 --gen mean,kmeans,all --k 2,5 --folds 2"
    rows = json.loads(imprint(f"{command} --json --output all.csv"))
    accuracies = [row["accuracy"] for row in rows]
    assert accuracies == sorted(accuracies, reverse=True) and rows[0]["rank"] == 1
    assert {(row["gen"], row["k"]) for row in rows} >= {
        ("mean", 1),
        ("kmeans", 2),
        ("kmeans", 5),
        ("all", None),
    }
    assert len((workdir / "all.csv").read_text().splitlines()) == len(rows) + 1
    whitened = [
        row["k"] for row in rows if (row["gen"], row["norm_post"]) == ("kmeans", "whiten+l2")
    ]
    assert {2, 5} <= set(whitened)
    references = {row["gen"] for row in rows if row["reference"]}
    assert {"ridge", "logistic"} <= references and "kmeans" not in references


def printed_command(output):
    """The command at the end of a comparison, without `imprint`."""
    return output.splitlines()[-1].strip().removeprefix("imprint ")


def best_of(output):
    """The first row of a printed comparison."""
    return output.splitlines()[3].split()


def test_the_command_that_a_comparison_prints_makes_the_best_head(imprint, workdir):
    """One class has short and long embeddings, the other ones between: it takes two proxies, and no NORM."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    lengths = np.where(y == 1, 3, rng.choice([1, 9], 60))
    x = lengths[:, None] * np.full(4, 0.5) + 0.3 * rng.normal(size=(60, 4))
    np.savez(workdir / "lengths.npz", embeddings=x, labels=np.array(["owl", "wren"])[y])
    output = imprint("compare lengths.npz --gen kmeans --k 2 --norm none --m 1 --folds 2")
    assert best_of(output)[1:5] == ["kmeans", "2", "none", "mnn"]
    facts = json.loads(imprint(f"{printed_command(output)} --json"))
    assert facts["method"] == {
        "norm_pre": "none",
        "gen": "kmeans",
        "k": "2",
        "norm_post": "none",
        "norm_inf": "none",
        "agg": "mnn",
        "distance": "euclidean",
        "weighting": "distance",
        "m": 1,
    }
    rows = csv.DictReader(imprint("predict head.safetensors lengths.npz").splitlines())
    assert np.mean(np.array([row["label"] for row in rows]) == np.array(["owl", "wren"])[y]) > 0.9


def test_a_comparison_says_what_is_level_and_what_is_not(imprint, workdir):
    """Two clusters a class on opposite sides of 0: one proxy is far behind several, which are level."""
    rng = np.random.default_rng(2)
    y, side = np.arange(160) % 2, rng.choice([-1, 1], 160)
    x = side[:, None] * np.eye(6)[y] + 0.1 * rng.normal(size=(160, 6))
    np.savez(workdir / "mixed.npz", embeddings=x, labels=y)
    output = imprint("compare mixed.npz --gen kmeans,all --k 4,20 --folds 4 --output mixed.csv")
    table = pd.read_csv(workdir / "mixed.csv")
    assert (table["low"] <= table["difference"]).all() and (
        table["difference"] <= table["high"]
    ).all()
    assert table["difference"].iloc[0] == table["high"].iloc[0] == 0
    one = table[table["name"] == "Qi et al. 2018"].iloc[0]
    assert one["high"] < 0 and one["bytes"] == 2 * 6 * 4
    sentence = next(line for line in output.splitlines() if line.startswith("Best here: "))
    level, below = sentence.split("Below it: ")
    assert f"Qi et al. 2018 by {-100 * one['difference']:.1f} points" in below
    assert "Westerhoff et al. 2025" in level


def test_where_a_choice_by_the_samples_is_best_the_command_lets_them_choose(imprint, workdir):
    """Five clusters a class, and noise in half of the directions: it takes several proxies and whitening."""
    rng = np.random.default_rng(1)
    centres, y = rng.normal(size=(3, 5, 12)), np.arange(180) % 3
    noise = rng.normal(size=(180, 12)) * np.repeat([0.15, 1.2], 6)
    x = centres[y, rng.integers(0, 5, 180)] + noise
    np.savez(workdir / "clusters.npz", embeddings=x, labels=y)
    output = imprint("compare clusters.npz --gen auto --folds 2")
    assert best_of(output)[1] == "auto"
    assert printed_command(output) == "fit clusters.npz -o head.safetensors --method auto"
    assert "auto chose kmeans" in imprint(printed_command(output))


def test_a_reference_is_marked_and_no_head_is_made_of_it(imprint, workdir):
    """Planes divide the classes, and each sample may be near one: what a trained head is made for."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 8))
    np.savez(workdir / "planes.npz", embeddings=x, labels=(x @ rng.normal(size=(8, 3))).argmax(1))
    output = imprint("compare planes.npz --gen mean --folds 2 --output planes.csv")
    assert best_of(output)[1] == "logistic*"
    rows = list(csv.DictReader((workdir / "planes.csv").open()))
    assert {row["gen"] for row in rows if row["reference"] == "True"} == {
        *("ridge", "logistic"),  # and as presets of other GENs:
        *("mean", "all"),
    }
    assert "The best that is no reference is saved by:" in output
    imprint(printed_command(output))
    method = json.loads((workdir / "head.json").read_text())["configuration"]
    best = next(row for row in rows if row["reference"] == "False")
    assert best["gen"] in (method["gen"], "auto")


def test_the_grid_of_a_comparison_has_what_can_be_used():
    from imprint.errors import UserError
    from imprint.estimator.cross_validation import default_methods
    from imprint.method.generate import GENERATORS

    norms = ["none", "l2", "whiten+l2"]
    grid = default_methods(list(GENERATORS), [2, 20], norms, [5])
    assert len(set(grid)) == len(grid) and {method.gen for method in grid} == set(GENERATORS)
    for method in grid:
        assert GENERATORS[method.gen].problem(method.norm_pre, method.scoring) is None
    of_auto = [method for method in grid if method.gen == "auto"]
    assert [(method.norm_pre, method.scoring.norm_inf) for method in of_auto] == [("l2", "l2")]
    whitened = [
        method
        for method in grid
        if method.gen == "kmeans" and method.scoring.norm_post == "whiten+l2"
    ]
    assert {(method.k.label, method.norm_pre, method.scoring.norm_inf) for method in whitened} == {
        ("2", "l2", "l2"),
        ("20", "l2", "l2"),
    }
    with pytest.raises(UserError, match="unknown NORM 'l3'"):
        default_methods(["mean"], [2], ["l3"], [])


def test_a_comparison_equals_the_estimator_in_each_fold(embedded):
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    from imprint.estimator.cross_validation import compare_heads
    from imprint.method.configuration import Configuration, Every, Fixed, Scoring
    from imprint.method.presets import PRESETS

    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    l2 = Scoring("l2", "l2", "max", "inner_product")
    vote = Scoring("l2", "l2", "mnn", "euclidean", "distance", 3)
    estimators = {
        Configuration("l2", "kmeans", Fixed(3), vote): ImprintingClassifier(
            k=3, agg="mnn", distance="euclidean", weighting="distance", m=3, random_state=0
        ),
        PRESETS["oracle"].configuration: ImprintingClassifier.preset("oracle"),
        Configuration("l2", "all", Every(), l2): ImprintingClassifier(gen="all"),
    }
    table = compare_heads(embedded.x, embedded.y, list(estimators), folds=4).set_index("gen")
    for configuration, estimator in estimators.items():
        expected = cross_val_score(estimator, embedded.x, embedded.y, cv=folds).mean()
        assert table.loc[configuration.gen, "accuracy"] == pytest.approx(expected)


def test_plain_arrays_with_labels_that_are_names(imprint, workdir, embedded):
    labels = np.array(embedded.class_names)[embedded.y]
    np.savez(workdir / "own.npz", embeddings=embedded.x, labels=labels)
    imprint("fit own.npz -o n.safetensors")
    with h5py.File(workdir / "unlabelled.h5", "w") as file:
        file["test/embeddings"] = embedded.x
    rows = imprint("predict n.safetensors unlabelled.h5 --group test").splitlines()[1:]
    assert len(rows) == 60
    assert (
        np.mean([row.split(",")[1] == label for row, label in zip(rows, labels, strict=True)]) > 0.8
    )


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


def test_a_head_is_refused_on_other_embeddings(imprint, workdir, embedded):
    imprint("fit photos.h5 -o r.safetensors --preset qi")
    error = imprint("predict r.safetensors new --input-size 40 --device cpu", code=2)
    assert "made from embeddings of another kind" in error and "transform" in error
    np.savez(workdir / "narrow.npz", embeddings=embedded.x[:, :7])
    assert "7 values" in imprint("predict r.safetensors narrow.npz", code=2)


def test_a_folder_of_splits_is_not_taken_for_classes(imprint, workdir):
    for split in ("train", "test"):
        (workdir / "divided" / split / "one").mkdir(parents=True, exist_ok=True)
    error = imprint(f"fit divided -o x.safetensors {FM}", code=2)
    assert "give one of them" in error


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


def test_help_and_show_import_nothing_heavy(workdir, embedded):
    heavy = "('torch', 'sklearn', 'pandas', 'scipy', 'numba', 'matplotlib', 'timm')"
    code = (
        "import sys; from imprint import cli\n"
        "try: cli.main(sys.argv[1:])\n"
        f"except SystemExit: print('loaded:', [m for m in {heavy} if m in sys.modules])"
    )
    for command in (["--help"], ["fit", "--help"], ["show", "photos.h5"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *command],
            cwd=workdir,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.endswith("loaded: []\n")


def write_arrays(workdir, name, **replaced):
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    x = (rng.normal(size=(30, 4)) + 4 * np.eye(3, 4)[y]).astype(np.float32)
    np.savez(workdir / name, **{"embeddings": x, "labels": y, **replaced})


@pytest.mark.parametrize(
    ("replaced", "classes"),
    [
        ({"labels": np.arange(30) % 3 - 1}, ["-1", "0", "1"]),
        ({"labels": np.array([207, 281, 970])[np.arange(30) % 3]}, ["207", "281", "970"]),
        (
            {"labels": np.arange(30) % 3 + 1, "class_names": ["none", "a", "b", "c"]},
            ["a", "b", "c"],
        ),
        ({"labels": (np.arange(30) % 3).astype(float)}, ["0", "1", "2"]),
        ({"labels": np.array([b"a", b"b", b"c"])[np.arange(30) % 3]}, ["a", "b", "c"]),
    ],
)
def test_labels_of_ones_own_are_the_same_classes_to_all_commands(
    imprint, workdir, replaced, classes
):
    write_arrays(workdir, "own.npz", **replaced)
    assert (
        json.loads(imprint("fit own.npz -o l.safetensors --gen mean --json"))["classes"] == classes
    )
    assert f"30 samples of {len(classes)} classes" in imprint(
        "compare own.npz --gen mean --folds 2"
    )


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"labels": np.arange(30) / 2}, "neither whole numbers nor names"),
        ({"class_names": ["crane", "crane", "wren"]}, "a name stands twice"),
        ({"class_names": ["a", "b"]}, "do not fit the 2 'class_names'"),
        ({"ids": np.arange(29)}, "30 embeddings and ids of shape (29,)"),
    ],
)
def test_labels_that_will_not_do_are_refused_by_all_commands(imprint, workdir, replaced, message):
    write_arrays(workdir, "own.npz", **replaced)
    for command in ("fit own.npz -o l.safetensors", "compare own.npz --folds 2"):
        assert message in imprint(command, code=2)


def test_images_beside_folders_mean_that_these_are_no_classes(imprint, workdir):
    (workdir / "mixed").mkdir()
    (workdir / "mixed" / "sub").symlink_to(workdir / "photos" / "one")
    (workdir / "mixed" / ".hidden.png").write_bytes(b"no image")
    (workdir / "mixed" / "__MACOSX").mkdir()
    (workdir / "mixed" / "__MACOSX" / "0.png").write_bytes(b"no image")
    for i in range(2):
        Image.new("L", (8, 8)).save(workdir / f"mixed/{i}.png")
    samples = json.loads(imprint(f"embed mixed -o mixed.h5 {FM} --json"))["samples"]
    assert samples == 2 + 20  # links are followed
    error = imprint("fit mixed.h5 -o l.safetensors", code=2)
    assert "has no classes" in error and "a folder for each class" in error
    assert "mixed/0.png is one image" in imprint(f"fit mixed/0.png -o l.safetensors {FM}", code=2)


@pytest.fixture
def listed(workdir):
    """Tables of the photographs, and the same in a shard of WebDataset; the first 15 of a class are for training."""
    rows = [
        {
            "path": f"photos/{name}/{name}{i}.png",
            "label": name,
            "split": "train" if i < 15 else "test",
        }
        for name in NAMES
        for i in range(20)
    ]
    table = pd.DataFrame(rows)
    table.to_csv(workdir / "divided.csv", index=False)
    table.drop(columns="split").to_csv(workdir / "photos.csv", index=False)
    table.drop(columns="split").to_parquet(workdir / "photos.parquet")
    table[["path"]].to_csv(workdir / "paths.csv", index=False)
    with tarfile.open(workdir / "photos.tar", "w") as archive:
        for row in rows:
            image = workdir / row["path"]
            archive.add(image, image.name)
            label = tarfile.TarInfo(f"{image.stem}.cls")
            label.size = len(row["label"])
            archive.addfile(label, io.BytesIO(row["label"].encode()))


@pytest.mark.parametrize("source", ["photos.csv", "photos.parquet", "photos.tar"])
def test_tables_and_shards_are_as_good_as_folders(imprint, workdir, embedded, listed, source):
    imprint(f"fit {source} -o of-list.safetensors {FM} --preset qi")
    imprint("fit photos.h5 -o of-folder.safetensors --preset qi")
    heads = [
        ImprintingClassifier.load(workdir / f"of-{kind}.safetensors") for kind in ("list", "folder")
    ]
    assert heads[0].classes_.tolist() == list(NAMES)
    np.testing.assert_allclose(heads[0].proxies_, heads[1].proxies_, rtol=1e-5, atol=1e-6)
    rows = list(
        csv.DictReader(imprint(f"predict of-list.safetensors {source} --device cpu").splitlines())
    )
    assert len(rows) == 60
    assert rows[0]["id"].endswith("one0.png")


def test_images_without_labels_are_predicted_and_other_files_beside_them_do_not_matter(
    imprint, workdir
):
    imprint(f"fit photos -o own.safetensors {FM} --preset qi")
    with tarfile.open(workdir / "bare.tar", "w") as archive:
        for path in sorted((workdir / "new").glob("*.png")):
            archive.add(path, path.name)
    assert len(imprint("predict own.safetensors bare.tar --device cpu").splitlines()) == 1 + 30
    assert json.loads(imprint(f"embed bare.tar -o bare.h5 {FM} --json"))["samples"] == 30
    assert "has no label" in imprint(f"fit bare.tar -o l.safetensors {FM}", code=2)
    (workdir / "copy").mkdir()
    (workdir / "copy" / "one").symlink_to(workdir / "photos" / "one")
    (workdir / "copy" / "two").symlink_to(workdir / "photos" / "two")
    (workdir / "copy" / "download.tar").write_bytes(b"")
    assert json.loads(imprint(f"embed copy -o copy.h5 {FM} --json"))["samples"] == 40


def test_a_divided_table_fits_on_one_part_and_predicts_the_other(imprint, listed, caplog):
    facts = json.loads(imprint(f"fit divided.csv -o divided.safetensors {FM} --preset qi --json"))
    assert facts["samples"] == 45
    assert "its images for train are taken" in caplog.text
    predicted = imprint("predict divided.safetensors divided.csv --device cpu").splitlines()
    assert len(predicted) == 1 + 15


def test_a_table_without_labels_is_embedded_and_does_not_fit(imprint, workdir, listed):
    assert json.loads(imprint(f"embed paths.csv -o paths.h5 {FM} --json"))["samples"] == 60
    assert "has no column label" in imprint(f"fit paths.csv -o l.safetensors {FM}", code=2)
    (workdir / "gone.csv").write_text("path,label\nphotos/none.png,one\n")
    assert "photos/none.png does not exist" in imprint(f"embed gone.csv -o l.h5 {FM}", code=2)


def test_the_command_that_a_comparison_prints_makes_that_head(imprint, workdir, embedded):
    options = "--input-size 24 --mean 0.1 0.2 0.3 --std 1 1 1 --interpolation bilinear --seed 3 --ls-lambda 0.5"
    printed = imprint(f"compare photos {FM} {options} --gen mean --folds 2").splitlines()[-1]
    for option in options.replace(" --", "\n--").splitlines():
        name, *values = option.split()
        words = printed.split(f"{name} ")[1].split(" --")[0].split()
        assert [float(v) if v[0].isdigit() else v for v in words] == [
            float(v) if v[0].isdigit() else v for v in values
        ]
    imprint(printed.strip().removeprefix("imprint "))


def test_the_printed_command_quotes_names_with_spaces(imprint, workdir, embedded):
    write_arrays(workdir, "my birds.npz")
    printed = imprint("compare 'my birds.npz' --gen mean --folds 2").splitlines()[-1].strip()
    assert "'my birds.npz'" in printed
    imprint(printed.removeprefix("imprint "))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (f"embed photos -o x.h5 {FM} --batch-size -1", "'--batch-size'"),
        (f"fit photos -o x.safetensors {FM} --gen kmean", "kmean"),
        (f"compare photos {FM} --folds 50", "50 folds need"),
        ("fit photos.h5 -o x.safetensors --seed -1", "'--seed'"),
        (
            "fit photos.h5 -o x.safetensors --k abc",
            "k 'abc' is neither a positive whole number nor 'auto'",
        ),
        ("fit photos.h5 -o x.safetensors --m 7", "only neighbours that vote"),
        ("fit photos.h5 -o x.safetensors --preset qi --k 5", "leaves no choice of k"),
        ("fit photos.h5 -o x.safetensors --group trian", "has no group 'trian'"),
        ("compare photos.h5 --ls-lambda 0", "0 is not a positive number"),
        ("compare photos.h5 --k 2,x", "--k: x is not a positive whole number"),
        ("compare photos.h5 --components gone.py", "gone.py does not exist"),
        ("predict net.safetensors new", "is no head of imprint"),
    ],
)
def test_a_mistake_is_reported_before_images_are_embedded(
    imprint, workdir, embedded, monkeypatch, command, message
):
    monkeypatch.setattr("imprint.fm.extract.extract", None)
    assert message in imprint(command, code=2)


def test_help_is_plain_and_fits_80_columns(imprint, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for command in ("compare", "fit", "predict", "embed", "show", "doctor", "status", "cache"):
        text = imprint(f"{command} --help")
        assert text.startswith(f"Usage: imprint {command}") and text.isascii()
        assert max(map(len, text.splitlines())) <= 80
    assert "Examples:\n  imprint fit photos" in imprint("fit --help")


def test_a_reader_that_leaves_is_no_error(workdir, embedded):
    command = [sys.executable, "-m", "imprint.cli", "show", *["photos.h5"] * 2000]
    with subprocess.Popen(
        command, cwd=workdir, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_component_of_the_user_is_compared_and_saved(imprint, workdir, embedded):
    (workdir / "medians.py").write_text(
        "import numpy as np\n"
        "from imprint.method.generate import generator\n\n\n"
        "@generator('middle', takes_k=False)\n"
        "def middle(x, k, random, shared):\n"
        "    return np.median(x, axis=0, keepdims=True)\n"
    )
    printed = imprint("compare photos.h5 --components medians.py --gen middle --folds 2")
    assert "--components medians.py" in printed and "middle " in printed
    imprint("fit photos.h5 -o m.safetensors --components medians.py --gen middle")
    assert (
        len(imprint("predict m.safetensors photos.h5 --components medians.py").splitlines()) == 61
    )


def test_several_fms_are_compared_on_the_same_folds(imprint, workdir):
    command = "compare photos --device cpu --gen mean --folds 2 --fm tf_efficientnet_lite0,tf_efficientnet_lite1"
    output = imprint(f"{command} --output fms.csv")
    table = pd.read_csv(workdir / "fms.csv")
    assert table.groupby("fm").size().nunique() == 1 and len(set(table["fm"])) == 2
    best = table.iloc[0]
    assert f"Best here: {best['fm']} with " in output
    assert f"--fm {best['fm']} " in printed_command(output)
    alone = json.loads(imprint(f"{command.replace(',tf_efficientnet_lite1', '')} --json"))
    of_fm = table[table["fm"] == "tf_efficientnet_lite0"]["accuracy"].tolist()
    assert of_fm == pytest.approx([row["accuracy"] for row in alone])


def test_what_belongs_to_one_fm_is_refused_for_several(imprint, workdir, embedded):
    fms = "--fm tf_efficientnet_lite0,tf_efficientnet_lite1"
    assert "holds embeddings of one FM" in imprint(f"compare photos.h5 {fms}", code=2)
    message = imprint(f"compare photos {fms} --checkpoint net.safetensors", code=2)
    assert "--checkpoint belongs to one FM" in message
