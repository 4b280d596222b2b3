"""A split that is embedded in shards: the same file, whatever their number, and made once."""

import copy
import shutil

import pytest

from tests.workflow.conftest import TINY, Study

pytestmark = pytest.mark.xdist_group("shards")

TARGETS = ["results/embeddings/net/digits/train.h5"]


def with_fm(**changes):
    config = copy.deepcopy(TINY)
    config["fms"]["net"] |= changes
    return config


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """The tiny study with its embeddings of digits alone, made whole; not to be changed."""
    study = Study(tmp_path_factory.mktemp("embedded"))
    study.configure(TINY)
    study.snakemake(*TARGETS)
    return study


@pytest.fixture
def done(embedded, tmp_path):
    """A copy of it, free to be changed."""
    shutil.copytree(embedded.folder, tmp_path, dirs_exist_ok=True)
    return Study(tmp_path)


def bytes_of(study):
    return [(study.folder / target).read_bytes() for target in TARGETS]


def test_shards_give_the_same_files_and_another_number_of_them_runs_nothing(done):
    whole = bytes_of(done)
    done.configure(with_fm(shards=2))
    assert done.planned(*TARGETS) == {}, "what is there was made whole and stays valid"
    for target in TARGETS:
        (done.folder / target).unlink()
    planned = done.planned(*TARGETS)
    assert planned["embed_shard"] == 2
    assert planned["embed"] == 1
    done.snakemake(*TARGETS)
    assert bytes_of(done) == whole
    files = {path.name for path in (done.folder / "results/embeddings/net/digits").iterdir()}
    # beside it lie the note on its shards and how fast each of them was
    assert {name for name in files if not name.endswith(".measured")} == {
        "train.h5",
        ".train.h5.shards",
    }
    done.configure(with_fm(shards=3))
    assert done.planned(*TARGETS) == {}, "what is there was made in two shards"
    assert done.imprint("status", "--leftovers").count("embeddings/") == 0


def test_what_has_to_be_made_anew_is_made_in_the_shards_of_now(done):
    done.configure(with_fm(shards=2, precision="bf16"))
    assert done.planned(*TARGETS) == {"embed_shard": 2, "embed": 1}


def test_a_killed_run_goes_on_with_the_shards_that_are_done(done):
    done.configure(with_fm(shards=3))
    (done.folder / TARGETS[0]).unlink()
    rows = "results/embeddings/net/digits/train.{}-of-3.rows"
    done.snakemake("--notemp", rows.format(1), rows.format(3))
    assert done.planned(TARGETS[0]) == {"embed_shard": 1, "embed": 1}
    (done.folder / rows.format(1)).write_bytes(b"damaged")
    said = done.snakemake(TARGETS[0], succeeds=False)
    assert "train.1-of-3.rows is damaged" in said
    assert "Traceback" not in said
    assert done.planned(TARGETS[0]) == {"embed_shard": 3, "embed": 1}
