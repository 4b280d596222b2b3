"""Configurations that attack or confuse: each is refused at once, with its place and what would be right."""

import pytest
import yaml

from imprint.errors import UserError
from imprint.study.config.fms import WEIGHT_DECAY
from imprint.study.load import load, load_for_workflow
from imprint.study.read import ConfigError

STUDY = """\
seeds: [1, 2]
fms:
  net: {source: timm, model: resnet18.a1_in1k}
datasets:
  digits: {source: sklearn, name: digits}
tasks:
  all: {datasets: digits}
experiments:
  main:
    gen:
      - {name: kmeans, k: [1, 5]}
      - {name: mean}
"""
LAUGHS = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 8)}]\n"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)


def refusal(tmp_path, text, **overrides):
    """The message for a study of this text, without the folder of the file."""
    path = tmp_path / "study.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load([path], overrides)
    return str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: kmeans", "name: kmens", "study.yaml:11: experiments.main.gen[0].name: unknown GEN 'kmens'"),
        ("datasets: digits", "dataset: digits", "study.yaml:7: tasks.all.dataset: unknown key"),
        ("datasets: digits", "dataset: digits", "study.yaml:7: tasks.all.datasets: it is missing"),
        ("seeds: [1, 2]", "seeds: 3", "study.yaml:1: seeds: 3 is a single number; give a list of seeds"),
        ("seeds: [1, 2]", "seeds: [-1]", "study.yaml:1: seeds[0]: -1 is negative"),
        ("seeds: [1, 2]", "seeds: [4294967296]", "seeds[0]: 4294967296 is too large; the maximum is 4,294,967,295"),
        ("seeds: [1, 2]", f"seeds: {list(range(1001))}", "seeds: it has 1,001 entries; the maximum is 1,000"),
        ("k: [1, 5]", "k: [1, 10000000000000000000000]", "gen[0].k[1]: 10000000000000000000000 is too large"),
        ("digits}\ntasks", "digits, classes: [0, -1]}\ntasks", "not usable, 1 problem"),
        ("    gen:", "    shots: Full\n    gen:", "experiments.main.shots[0]: 'Full' is not a whole number; 'full' is allowed too"),
        ("    gen:", "    agg: {name: mnn, m: 1}\n    gen:", "study.yaml:10: experiments.main.agg"),
        ("    gen:", "    agg: [{name: mnn, m: 10000000000000}]\n    gen:", "study.yaml:10: experiments.main.agg[0].m[0]: 10000000000000 is too large"),
        ("digits}\nexp", "digits, classes: [0, 1000000000]}\nexp", "tasks.all.classes[1]: 1000000000 is too large"),
        ("digits}\nexp", "digits, family: {d: 1, classes: 5, draws: 1000000000}}\nexp", "tasks.all.family.draws: 1000000000 is too large"),
        ("resnet18.a1_in1k", "x, ls_lambda: .inf", "study.yaml:3: fms.net.ls_lambda: inf is not a finite number"),
        ("resnet18.a1_in1k", "x, std: [1, 0, 1]", "study.yaml:3: fms.net.std[1]: 0 is not a positive number"),
        ("seeds:", 'results: ""\nseeds:', "study.yaml:1: results: it is empty"),
        ("seeds:", "results:\nseeds:", "study.yaml:1: results: it is empty"),
        ("seeds:", "results: ${UNSET_VARIABLE:-}\nseeds:", "study.yaml:1: results: it is empty"),
        ("seeds:", "results: ${UNSET_VARIABLE:-}/\nseeds:", "study.yaml:1: results: / is the root of the disk"),
        ("seeds:", "results: res{x}\nseeds:", "study.yaml:1: results: res{x} has braces"),
        ("seeds:", "results: $UNSET_VARIABLE/x\nseeds:", "study.yaml:1: results: $UNSET_VARIABLE is not replaced; write ${UNSET_VARIABLE}"),
        ("sklearn, name: digits", "imagefolder, path: '${UNSET_VARIABLE}/x'", "study.yaml:5: datasets.digits.path: the environment variable UNSET_VARIABLE is not set"),
        ("sklearn, name: digits", "torchvision, name: MNIST, root: $UNSET_VARIABLE", "study.yaml:5: datasets.digits.root: $UNSET_VARIABLE is not replaced"),
        ("digits: {source", "no: {source", "study.yaml:4: datasets.False: YAML reads this name as False; put it in quotes"),
        ("digits: {source", "007: {source", "study.yaml:4: datasets.7: YAML reads this name as 7; put it in quotes"),
        ("digits: {source", "null: {source", "study.yaml:4: datasets.None: YAML reads this name as None; put it in quotes"),
        ("digits: {source", f"{'x' * 260}: {{source", "it has 260 characters; the maximum is 100"),
        ("name: kmeans", 'name: "km\\u0007eans"', r"experiments.main.gen[0].name: it holds the control character '\x07'"),
        ("name: kmeans", "name: km\x07eans", r"line 11: it holds the control character '\x07'"),
        ("name: kmeans", "name: km\x00eans", r"line 11: it holds the control character '\x00'"),
        ("seeds: [1, 2]", "seeds: !!python/object/apply:os.system [ls]", "line 1, column 8: invalid YAML: could not determine a constructor"),
        pytest.param("seeds: [1, 2]", "title: " + "[" * 2000 + "]" * 2000, "levels", id="deep"),
        ("seeds: [1, 2]", "title: &a [*a]", "levels"),
        ("seeds: [1, 2]", LAUGHS, "more than 200,000 values"),
    ],
)  # fmt: skip
def test_errors_are_reported_with_their_location(tmp_path, monkeypatch, old, new, words):
    monkeypatch.delenv("UNSET_VARIABLE", raising=False)
    assert old in STUDY
    message = refusal(tmp_path, STUDY.replace(old, new, 1))
    assert words in message
    assert not set(message) & {"\x07", "\x00"}


@pytest.mark.parametrize(
    "content", [STUDY.encode("utf-16"), STUDY.replace("main", "mäin").encode("latin-1")]
)
def test_other_encodings_are_named(tmp_path, content):
    assert "it is not UTF-8" in refusal(tmp_path, content)


def test_a_variable_without_text_is_empty_and_not_unset(tmp_path, monkeypatch):
    monkeypatch.setenv("EMPTY_VARIABLE", "")
    text = STUDY.replace("sklearn, name: digits", "imagefolder, path: '${EMPTY_VARIABLE}/x'")
    assert "the environment variable EMPTY_VARIABLE is empty" in refusal(tmp_path, text)


def test_an_unset_variable_is_one_problem(tmp_path):
    text = STUDY.replace("sklearn, name: digits", "imagefolder, path: '${UNSET_VARIABLE}/x'")
    assert "1 problem:" in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["cat/a.png"], "'own' has one class, and one class leaves nothing to tell apart"),
        (["pets/cat/a.png", "pets/dog/a.png"], "give the path {}/pets"),
        (["pets/train/cat/a.png", "pets/test/cat/a.png"], "give the path {}/pets"),
        (["pets/train/cat/a.png", "pets/validation/cat/a.png"], "give the path {}/pets"),
        (["train/cat/a.png", "train/dog/a.png"], "give the path {}/train"),
    ],
)
def test_one_class_is_refused_with_the_folder_that_may_be_meant(tmp_path, files, words):
    folder = tmp_path / "own"
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    text = STUDY.replace(
        "digits: {source: sklearn, name: digits}", f"own: {{source: imagefolder, path: {folder}}}"
    )
    message = refusal(tmp_path, text.replace("datasets: digits", "datasets: own"))
    assert "study.yaml:7: tasks.all.datasets: " in message
    assert f"{words.format('own')}\n" in f"{message}\n"


def test_a_name_and_its_entry_can_both_have_a_problem(tmp_path):
    text = STUDY.replace("digits: {source: sklearn, name: digits}", "7: {source: sklearn, name: x}")
    message = refusal(tmp_path, text.replace("datasets: digits", "datasets: '7'"))
    assert "2 problems:" in message
    assert "datasets.7: YAML reads this name as 7" in message
    assert "datasets.7.name: unknown name 'x'" in message


def test_classes_may_not_all_become_one(tmp_path):
    text = STUDY.replace("datasets: digits", "datasets: digits, label_map: {0: 0, 1: 0}")
    assert "map to two or more" in refusal(tmp_path, text)


def test_what_comes_from_the_command_line_has_no_line(tmp_path):
    text = STUDY.replace("name: kmeans", "name: kmens")
    message = refusal(tmp_path, text, fms={"net": {"modl": "x"}}, seeds=[-1])
    assert "--config: fms.net.modl: unknown key" in message
    assert "--config: seeds[0]: -1 is negative" in message
    assert "study.yaml:11: experiments.main.gen[0].name" in message


def test_of_several_files_the_one_with_the_mistake_is_named(tmp_path):
    base, extra = tmp_path / "base.yaml", tmp_path / "extra.yaml"
    base.write_text(STUDY)
    extra.write_text("# more\nseeds: [1, x]\ntasks:\n  all: {clases: [1, 2]}\n")
    with pytest.raises(ConfigError) as caught:
        load([base, extra])
    assert f"{extra}:2: seeds[1]: 'x' is not a whole number" in str(caught.value)
    assert f"{extra}:4: tasks.all.clases: unknown key" in str(caught.value)


def test_a_key_that_an_alias_brings_stands_where_its_anchor_does(tmp_path):
    text = STUDY.replace("- {name: mean}", "- &mean {name: meen}\n      - {<<: *mean, k: 0}")
    message = refusal(tmp_path, text)
    assert "study.yaml:12: experiments.main.gen[2].name: unknown GEN 'meen'" in message
    assert "study.yaml:13: experiments.main.gen[2].k[0]: 0 is not a positive number" in message


def test_what_an_experiment_misspells_is_no_suggestion_for_its_cell(tmp_path):
    wrong_task = "tasks: [al]\n    cell: {task: all}\n    gen:"
    message = refusal(tmp_path, STUDY.replace("gen:", wrong_task))
    assert "tasks[0]: task 'al' is not defined" in message and "cell" not in message
    wrong_cell = "tasks: [all, none]\n    cell: {task: nono}\n    gen:"
    message = refusal(tmp_path, STUDY.replace("gen:", wrong_cell))
    assert "cell.task: unknown task of the experiment 'nono'; known: all" in message
    assert "did you mean 'none'" not in message


@pytest.mark.parametrize(
    ("fm", "ridge"),
    [
        ("model: swin_b", WEIGHT_DECAY["swin_b"]),
        ("model: a_new_model", 1e-4),
        ("model: a_new_model, ls_lambda: 0.3", 0.3),
    ],
)
def test_a_new_fm_needs_no_ridge_for_least_squares(tmp_path, fm, ridge):
    path = tmp_path / "study.yaml"
    text = STUDY.replace("model: resnet18.a1_in1k", fm).replace("{name: mean}", "{name: ls}")
    path.write_text(text)
    assert load([path]).config.fms["net"].ridge == ridge


def test_texts_that_look_like_numbers_stay_texts_where_texts_belong():
    """Snakemake leaves numbers inside lists of `--config` as texts; a file may quote a text that looks like a number."""
    requested = {
        "title": "2024",
        "fms": {"1": {"source": "timm", "model": "resnet18.a1_in1k"}},
        "datasets": {"7": {"source": "sklearn", "name": "digits"}},
        "tasks": {"on": {"datasets": "7", "classes": [0, 1]}},
        "experiments": {"main": {"gen": [{"name": "mean"}], "tasks": ["on"]}},
    }
    quoted = load_for_workflow(requested)
    assert quoted.config.title == "2024" and quoted.groups == [("1", "on", "full")]
    del requested["title"]
    numbers = {
        "fms": {"net": requested["fms"]["1"]},
        "datasets": {"digits": requested["datasets"]["7"]},
        "tasks": {"all": {"datasets": "digits", "classes": ["0", "1"]}},
        "experiments": {"main": {"gen": [{"name": "mean"}], "seeds": ["1", "2"]}},
    }
    assert load_for_workflow(numbers).runs() == 2
    with pytest.raises(ConfigError, match=r"(?s)1 problem:.*seeds\[0\]: -1 is negative"):
        load_for_workflow({**requested, "title": "2024", "seeds": [-1]})


def test_a_study_that_is_named_by_an_unset_variable_is_not_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(STUDY)
    assert load_for_workflow({}).config.results == "results"
    for name in ("", None):
        with pytest.raises(Exception, match="names no file"):
            load_for_workflow({"study": name})
    shared = ["lol"]
    for _ in range(30):
        shared = [shared, shared]
    with pytest.raises(ConfigError, match="more than 200,000 values"):
        load_for_workflow({"experiments": shared})


def test_a_mistyped_study_on_the_command_line_is_told():
    with pytest.raises(
        UserError, match=r"--config stdy=a.yaml: unknown key \(did you mean 'study'"
    ):
        load_for_workflow({"stdy": "a.yaml"})


def test_a_folder_of_components_is_told(tmp_path):
    with pytest.raises(
        ConfigError, match=r"components\[0\]: .* is a folder; expected a Python file"
    ):
        load_for_workflow({**yaml.safe_load(STUDY), "components": [str(tmp_path)]})


@pytest.mark.parametrize(
    ("kind", "decorator"),
    [
        ("table", "imprint.report.registry import table as add"),
        ("figure", "imprint.report.registry import figure as add"),
        ("dataset source", "imprint.data.registry import source as add"),
    ],
)
def test_a_component_that_only_the_package_can_have_is_told(tmp_path, kind, decorator):
    file, more = tmp_path / "mine.py", ", title='T', category='C'" * (kind != "dataset source")
    file.write_text(f"from {decorator}\n\n@add('mine'{more})\nclass Mine:\n    pass\n")
    for _ in range(2):  # nothing of it stays registered
        with pytest.raises(
            ConfigError,
            match=rf"components\[0\]: .*mine.py: it registers {kind} 'mine', which works",
        ):
            load_for_workflow({**yaml.safe_load(STUDY), "components": [str(file)]})
