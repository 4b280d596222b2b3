"""Every number of a study is compared with a stored one: an edit that only moves code changes none.

The study has all GENs, NORMs, distances and tables, on embeddings drawn here: it takes a minute, and no FM is trained, whose
weights would differ between processors. After an intended change: `pytest tests/workflow/test_golden.py --write-golden`.
"""

import numpy as np
import pandas as pd
import pytest

from tests.workflow.conftest import Study

pytestmark = pytest.mark.xdist_group("golden")

TABLES = (
    "configurations", "gen", "norm", "agg", "published_methods", "statistics", "accuracy_over_k", "runtime",
    "choice_of_k", "neural_collapse",
)  # fmt: skip
TIMES = r"\(m?s\)$|^seconds$"  # columns that differ from run to run
GOLDEN = {
    "seeds": [1, 2],
    "datasets": {
        name: {"source": "embeddings", "class_count": count} for name, count in (("a", 4), ("b", 8))
    },
    "fms": {
        fm: {
            "source": "embeddings",
            "files": {d: f"{fm}-{d}-{{split}}.npz" for d in "ab"},
            "ls_lambda": 0.1,
        }
        for fm in ("one", "two")
    },
    "tasks": {
        "plain": {"datasets": "a"},
        "both": {"datasets": ["a", "b"], "label_map": {0: 0, 4: 0, 1: 1, 5: 1, 2: 2}},
        "family": {"datasets": "b", "family": {"d": [1, 2], "classes": 3, "draws": 2}},
    },
    "experiments": {
        "generators": {
            "tasks": ["plain", "family"],
            "presets": ["qi", "hosoda", "janson", "westerhoff", "oracle"],
            "gen": [
                {"name": "mean"},
                {"name": "kmeans", "k": [1, 3, "auto"]},
                {"name": "kmedoids", "k": 2},
                {"name": "fps", "k": 3},
                {"name": "cov_max", "k": 3},
                {"name": "random", "k": 3},
                {"name": "all"},
                {"name": "ls"},
                {"name": "kls", "k": 3},
            ],
            "tables": list(TABLES),
        },
        "normalisations": {
            "fms": "one",
            "tasks": "plain",
            "gen": [{"name": "mean"}, {"name": "kmeans", "k": 3}, {"name": "all"}],
            "norm_pre": ["none", "l2"],
            "norm_post": ["none", "l2", "quantile", "quantile_pooled"],
            "norm_inf": ["none", "l2"],
            "agg": [{"name": "max"}, {"name": "mnn", "distance": "euclidean", "m": [1, 3]}],
            "tables": ["norm", "configurations"],
        },
        "distances": {
            "fms": "two",
            "tasks": "both",
            "shots": [5, "full"],
            "gen": [{"name": "random", "k": 3}, {"name": "all"}],
            "norm_pre": ["none"],
            "norm_post": ["none"],
            "norm_inf": ["none"],
            "agg": [
                {
                    "name": "max",
                    "distance": [
                        "inner_product",
                        "cosine",
                        "euclidean",
                        "manhattan",
                        "mahalanobis",
                    ],
                },
                {"name": "mnn", "distance": "inner_product", "m": 3},
                {
                    "name": "mnn",
                    "distance": ["cosine", "euclidean", "manhattan", "mahalanobis"],
                    "m": [3, 5],
                    "weighting": ["uniform", "distance"],
                },
            ],
            "tables": ["agg"],
        },
    },
}


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """The finished study."""
    study = Study(tmp_path_factory.mktemp("golden"))
    rng = np.random.default_rng(0)
    for number, fm in enumerate(("one", "two")):
        for dataset, classes in (("a", 4), ("b", 8)):
            # two clusters a class, so that several proxies gain
            centres = rng.normal(size=(classes, 2, 8)) * (1 + number) + 0.5
            for split, n in (("train", 25 * classes), ("test", 20 * classes)):
                y = np.arange(n) % classes
                x = centres[y, rng.integers(0, 2, n)] + rng.normal(size=(n, 8))
                np.savez(
                    study.folder / f"{fm}-{dataset}-{split}.npz", embeddings=x.astype("f"), labels=y
                )
    study.configure(GOLDEN)
    study.snakemake("study")
    return study


def numbers(path):
    """A result file as a table of plain types, without times."""
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    frame = frame.drop(columns=frame.filter(regex=TIMES).columns)
    return frame.astype(
        {c: object for c in frame if isinstance(frame[c].dtype, pd.CategoricalDtype)}
    )


FILES = [
    "scores.parquet",
    "collapse.parquet",
    *(
        f"tables/{name}/{table}.csv"
        for name, entry in GOLDEN["experiments"].items()
        for table in entry["tables"]
    ),
]


@pytest.mark.parametrize("file", FILES)
def test_every_number_is_as_stored(golden, file, request):
    table = numbers(golden.folder / "results" / file)
    stored = request.path.parent / "golden" / f"{file.replace('/', '-').rpartition('.')[0]}.csv.gz"
    if request.config.getoption("--write-golden"):
        stored.parent.mkdir(exist_ok=True)
        table.to_csv(stored, index=False, compression={"method": "gzip", "mtime": 0})
    expected = pd.read_csv(stored)
    assert list(table) == list(expected)
    table = pd.DataFrame({c: table[c].astype(expected[c].dtype, errors="ignore") for c in table})
    pd.testing.assert_frame_equal(table, expected, rtol=1e-5, atol=1e-9, check_dtype=False)
