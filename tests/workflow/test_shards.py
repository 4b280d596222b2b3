"""A split that is embedded in shards: the same file, whatever their number, and made once."""

import copy

import pytest

from tests.workflow.conftest import TINY

pytestmark = pytest.mark.xdist_group("workflow")

TARGETS = ["results/embeddings/net/digits/train.h5"]


def with_fm(**changes):
    config = copy.deepcopy(TINY)
    config["fms"]["net"] |= changes
    return config


def bytes_of(study):
    return [(study.folder / target).read_bytes() for target in TARGETS]


def files_of(study):
    """The files beside embeddings, but for the notes of how fast each job was."""
    names = [path.name for path in (study.folder / TARGETS[0]).parent.iterdir()]
    return sorted(name for name in names if not name.endswith(".measured"))


def test_shards_give_the_same_files_and_another_number_of_them_runs_nothing(done):
    whole, files = bytes_of(done), files_of(done)
    done.configure(with_fm(shards=2))
    assert done.planned(*TARGETS) == {}, "what is there was made whole and stays valid"
    for target in TARGETS:
        (done.folder / target).unlink()
    planned = done.planned(*TARGETS)
    assert planned["embed_shard"] == 2
    assert planned["embed"] == 1
    done.snakemake(*TARGETS)
    assert bytes_of(done) == whole
    assert files_of(done) == files
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
    output = done.snakemake(TARGETS[0], succeeds=False)
    assert "train.1-of-3.rows is damaged" in output
    assert "Traceback" not in output
    assert done.planned(TARGETS[0]) == {"embed_shard": 3, "embed": 1}
