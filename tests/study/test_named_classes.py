"""Tasks and datasets name classes by the names that the data has, whatever their numbers."""

import numpy as np
import pytest
from PIL import Image

from imprint.data.sources import make, prepare, read_manifest
from imprint.study import specs
from tests.study.examples import BASE, problems, study

NAMES = ("wren", "10", "owl", "9")  # sorted otherwise as text than as numbers


def photos(folder, names=NAMES):
    """The sections of a configuration with a folder of three images of each class, and the folder's table."""
    rows = []
    for name in names:
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(3):
            path = folder / "photos" / name / f"{i}.png"
            Image.fromarray(np.full((4, 4), i, np.uint8)).save(path)
            rows.append(f"{path},{name}")
    (folder / "photos.csv").write_text("\n".join(["path,label", *rows]))
    return {
        **BASE["datasets"],
        "photos": {"source": "imagefolder", "path": str(folder / "photos")},
        "table": {"source": "csv", "path": str(folder / "photos.csv")},
    }


def classes_of(task, tmp_path, datasets):
    """The numbers of the classes of a task."""
    return study(tmp_path, datasets=datasets, tasks={"some": task}).tasks["some"].draws[0]


@pytest.mark.parametrize("name", ["photos", "table", "digits", "glyphs"])
def test_the_names_of_a_source_are_those_of_its_prepared_dataset(tmp_path, name):
    options = dict(photos(tmp_path)[name])
    kind = options.pop("source")
    prepare(kind, options, tmp_path / "prepared")
    prepared = read_manifest(tmp_path / "prepared")["class_names"]
    assert list(make(kind, options).class_names()) == prepared
    assert make(kind, options).class_count() == len(prepared)


def test_names_and_numbers_are_the_same_classes(tmp_path):
    datasets = photos(tmp_path)  # 10, 9, owl, wren
    assert classes_of({"datasets": "photos", "classes": ["wren", 1]}, tmp_path, datasets) == (
        (3,),
        (1,),
    )
    both = {"datasets": ["digits", "photos"], "label_map": {"wren": 0, "3": 1, "owl": 1, 0: 0}}
    assert classes_of(both, tmp_path, datasets) == ((13, 0), (3, 12))


@pytest.mark.parametrize("classes", [[2, 9], {2: 0, 9: 1}], ids=["classes", "label_map"])
def test_a_number_that_is_the_name_of_another_class_is_reported(tmp_path, classes):
    """Folders 1 to 12, sorted as text: class 2 is called 11, and the class that is called 2 is class 4."""
    datasets = photos(tmp_path, tuple(str(number) for number in range(1, 13)))
    field = "classes" if isinstance(classes, list) else "label_map"
    reported = problems(
        tmp_path, datasets=datasets, tasks={"some": {"datasets": "photos", field: classes}}
    )
    assert all(key.startswith(f"tasks.some.{field}") for key in reported)
    first, second = reported.values()
    assert "class 2 is called '11', and the class that is called '2' is class 4" in first
    assert 'in quotes: "11" or "2"' in first and "class 9 is called '7'" in second
    named = {"datasets": "photos", "classes": ["2", 0]}
    assert classes_of(named, tmp_path, datasets) == ((4,), (0,))


def test_a_number_is_taken_where_names_would_not_tell_classes_apart(tmp_path):
    datasets = photos(tmp_path, tuple(str(number) for number in range(1, 13)))
    both = {"datasets": ["photos", "digits"], "classes": [2, 13]}  # 2 is called 11, 13 is called 1
    assert classes_of(both, tmp_path, datasets) == ((2,), (13,))


def test_a_new_class_moves_the_numbers_behind_the_names(tmp_path):
    task = {"datasets": "photos", "classes": ["owl", "wren"]}
    datasets = photos(tmp_path)
    before = classes_of(task, tmp_path, datasets)
    (tmp_path / "photos" / "crow").mkdir()
    assert [[number + 1 for number in group] for group in before] == [[3], [4]]
    assert classes_of(task, tmp_path, datasets) == ((3,), (4,))


def test_a_dataset_embeds_the_classes_that_it_names(tmp_path):
    datasets = photos(tmp_path)
    datasets["photos"]["classes"] = ["owl", "9"]
    tasks = {"some": {"datasets": "photos", "classes": ["9", "owl"]}}
    assert specs.subset(study(tmp_path, datasets=datasets, tasks=tasks), "photos")["classes"] == [
        2,
        1,
    ]


def test_names_of_no_class_are_reported_with_the_classes(tmp_path):
    datasets = photos(tmp_path)
    datasets["table"]["classes"] = ["crow", "owl"]
    datasets["shards"] = {"source": "webdataset", "path": str(tmp_path)}
    datasets["mnist"] = {"source": "mnist_m"}
    tasks = {
        "typing": {"datasets": "photos", "classes": ["owk", "wren"]},
        "two": {"datasets": ["photos", "table"], "label_map": {"owl": 0, "wren": 1}},
        "twice": {"datasets": "photos", "label_map": {"owl": 0, 2: 1}},
        "unprepared": {"datasets": "shards", "classes": ["owl", "wren"]},
        "numbers": {"datasets": "mnist", "classes": ["seven", 3]},
        "undefined": {"datasets": "birds", "classes": ["owl", "wren"]},
        "truth": {"datasets": "photos", "classes": [True, "wren"]},
        "value": {"datasets": "photos", "label_map": {"owl": 0, "wren": "b"}},
        "shape": {"datasets": "photos", "classes": {"owl": 1}},
        "none": {"datasets": [], "classes": ["owl", "wren"]},
    }
    found = problems(tmp_path, datasets=datasets, tasks=tasks)
    known = "has the classes 10, 9, owl, wren"
    assert found == {
        "datasets.table.classes[0]": f"there is no class 'crow'; 'table' {known}",
        "tasks.typing.classes[0]": f"there is no class 'owk'; 'photos' {known} (did you mean 'owl'?)",
        "tasks.two.label_map.owl": "several classes of 'photos + table' have this name; give a number: 2, 6",
        "tasks.two.label_map.wren": "several classes of 'photos + table' have this name; give a number: 3, 7",
        "tasks.twice.label_map.2": "it is class 2, which is given twice",
        "tasks.unprepared.classes": "the classes of 'shards' are known only when it is prepared; give their numbers, 0, 1, ..., "
        "instead of names",
        "tasks.numbers.classes[0]": "the names of the classes of 'mnist' are not known; give numbers, 0 to 9",
        "tasks.undefined.datasets[0]": found["tasks.undefined.datasets[0]"],
        "tasks.truth.classes[0]": "True is neither a name nor a number of a class; put a name such as yes in quotes",
        "tasks.value.label_map.wren": "'b' is not a whole number",
        "tasks.shape.classes": "{'owl': 1} is not a list",
        "tasks.none.datasets": "it is empty; give at least one entry",
    }


def test_a_folder_that_cannot_be_read_is_reported_for_the_names_too(tmp_path):
    datasets = {**BASE["datasets"], "photos": {"source": "imagefolder", "path": "nowhere"}}
    tasks = {"some": {"datasets": "photos", "classes": ["owl", "wren"]}}
    assert "nowhere" in problems(tmp_path, datasets=datasets, tasks=tasks)["tasks.some.classes"]


def test_names_are_read_once_for_all_tasks(tmp_path, monkeypatch):
    from imprint.data import image_table

    read, reads = image_table.read_table, []
    monkeypatch.setattr(image_table, "read_table", lambda path: reads.append(path) or read(path))
    datasets = {**BASE["datasets"], "table": photos(tmp_path)["table"]}
    one = {"a": {"datasets": "table", "classes": ["owl", "wren"]}}
    counts = []
    for tasks in (one, {**one, **{f"t{i}": one["a"] for i in range(5)}}):
        reads.clear()
        study(tmp_path, datasets=datasets, tasks=tasks)
        counts.append(len(reads))
    assert counts[0] == counts[1] > 0
