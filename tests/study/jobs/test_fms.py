"""The size and speed of an FM are those of its extraction, or missing."""

import h5py
import numpy as np
import pandas as pd
import pytest

from imprint.store.files import provenance_json
from imprint.store.given_embeddings import adopt
from imprint.store.measurements import write_measurements
from imprint.study.jobs.fms import describe_fms

NET = {"parameters": 3_400_000, "device": "cpu", "threads": 2}


@pytest.fixture
def embedded(tmp_path):
    """Write a file of embeddings by an FM."""

    def write(name, dim=5):
        path = tmp_path / name
        origin = {"transform": {"size": [224, 192]}, "model": "net", "precision": "bf16"}
        with h5py.File(path, "w") as file:
            file["embeddings"] = np.zeros((3, dim), np.float32)
            file.attrs["provenance"] = provenance_json(fm="net-a", **origin)
        return path

    return write


def test_speed_is_over_all_files_of_the_same_device_and_threads(embedded):
    files = [embedded(name) for name in ("a.h5", "b.h5", "c.h5")]
    write_measurements(files[0], {**NET, "images": 100, "seconds": 2.0})
    write_measurements(files[1], {**NET, "images": 300, "seconds": 3.0})
    write_measurements(files[2], {**NET, "device": "cuda", "images": 399, "seconds": 0.1})
    (row,) = describe_fms(files).to_dict("records")
    assert row == {
        "fm": "net-a",
        "model": "net",
        "input_size": "224x192",
        "precision": "bf16",
        "dimensions": 5,
        "parameters": 3_400_000,
        "images_per_second": 80.0,
        "device": "cpu",
        "threads": 2,
    }


def test_a_run_that_found_all_images_embedded_has_no_speed(embedded):
    path = embedded("a.h5")
    write_measurements(path, NET)
    table = describe_fms([path])
    assert table["parameters"].tolist() == [3_400_000]
    assert table[["images_per_second", "device", "threads"]].isna().all(axis=None)


def test_of_embeddings_from_elsewhere_only_the_size_is_known(embedded, tmp_path):
    np.savez(tmp_path / "x.npz", embeddings=np.ones((4, 7), np.float32), labels=np.arange(4))
    adopt(tmp_path / "x.npz", tmp_path / "given.h5", provenance={"fm": "given"})
    table = describe_fms([embedded("old.h5"), tmp_path / "given.h5"]).set_index("fm")
    assert table["dimensions"].to_dict() == {"net-a": 5, "given": 7}
    assert table.loc["given"].drop("dimensions").isna().all()
    # made by an earlier version, without a note
    assert table.loc["net-a", ["model", "precision"]].tolist() == ["net", "bf16"]
    assert pd.isna(table.loc["net-a", "parameters"])
