"""What was measured lies beside a file, and is never older than it."""

import logging

import pytest

from imprint.store.measurements import Collector, read_measurements, write_measurements
from imprint.store.paths import measurements_note, shard_file

SPEED = {"images": 80, "seconds": 2.5}


@pytest.fixture
def embeddings(tmp_path):
    folder = tmp_path / "embeddings" / "net" / "digits"
    folder.mkdir(parents=True)
    return folder / "train.h5"


def test_a_note_is_read_again_and_hidden(embeddings):
    write_measurements(embeddings, SPEED)
    assert read_measurements(embeddings) == [SPEED]
    assert [path.name[0] for path in embeddings.parent.iterdir()] == ["."]


def test_a_file_that_is_made_anew_without_measurements_loses_its_note(embeddings):
    write_measurements(embeddings, SPEED)
    write_measurements(embeddings, {})
    assert read_measurements(embeddings) == []


def test_joined_shards_are_measured_one_by_one(embeddings, tmp_path):
    for shard in (1, 2):
        rows = shard_file(tmp_path, "net", "digits", "train", shard, 2)
        write_measurements(rows, {**SPEED, "images": shard})
    write_measurements(shard_file(tmp_path, "net", "digits", "test", 1, 2), SPEED)
    assert [note["images"] for note in read_measurements(embeddings)] == [1, 2]
    # a split that was embedded whole after that has a note of its own
    write_measurements(embeddings, SPEED)
    assert read_measurements(embeddings) == [SPEED]


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_damaged_note_is_none(embeddings, text):
    measurements_note(embeddings).write_text(text)
    assert read_measurements(embeddings) == []


def test_records_of_the_log_carry_measurements():
    log, collector = logging.Logger("test"), Collector()
    log.addHandler(collector)
    log.info("nothing")
    log.info("begun", extra={"measured": {"threads": 2, "images": 0}})
    log.info("done", extra={"measured": SPEED})
    assert collector.values == {"threads": 2, **SPEED}
