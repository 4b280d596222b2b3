"""Join the shards of a split to its embeddings file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from imprint.errors import UserError
from imprint.fm.extraction import Extraction, NoImages, digest
from imprint.fm.journal import Record, fingerprint_of, records_of
from imprint.store.files import remove_unfinished

_DEVICES = ("cpu", "cuda", "mps")


def join_shards(extraction: Extraction, shards: Sequence[str | Path]) -> None:
    """Write the embeddings of a split from the files of `imprint.fm.extract.extract_shard`.

    The file is byte-identical to the one that `imprint.fm.extract.extract` writes on the same kind of device. Memory does not
    depend on the number of samples, apart from labels, ids and images in memory.

    Parameters
    ----------
    extraction : Extraction
        The extraction of the split.
    shards : sequence of paths
        The shards, in order.

    Raises
    ------
    UserError
        If a shard is damaged or of another model, precision, device, choice of images or version, or no image can be
        read. The shards are then deleted, so that the next run embeds them again.
    """
    paths = [Path(shard) for shard in shards]
    firsts = _firsts(extraction, paths)

    def records() -> Iterator[Record]:
        for first, path in zip(firsts, paths, strict=True):
            for count, skipped, rows in records_of(path, extraction.embedder.dim):
                yield count, {first + i: reason for i, reason in skipped.items()}, rows
                first += count

    remove_unfinished(extraction.output)
    try:
        extraction.write(records)
    except NoImages:
        _delete(paths)
        raise


def _firsts(extraction: Extraction, paths: Sequence[Path]) -> list[int]:
    """The position of the first sample of each shard."""
    images, firsts, end = extraction.images, [], 0
    kinds = set(_DEVICES)
    for path in paths:
        if not path.exists():
            raise UserError(
                f"the shard {path} does not exist; an earlier attempt may have deleted it and logged why. Run again to embed it"
            )
        firsts.append(end)
        count = sum(count for count, _, _ in records_of(path, extraction.embedder.dim))
        samples = digest(images.take(np.arange(end, min(end + count, len(images)))))
        fingerprint = fingerprint_of(path)
        # the kind of device may differ from this machine's, but must be the same for all shards
        kinds = {k for k in kinds if extraction.fingerprint(samples, k) == fingerprint}
        end += count
        if not kinds or (path == paths[-1] and end != len(images)):
            _delete(paths)
            raise UserError(
                f"the shard {path} is damaged, or was made from other images or with another model, device, batch size or "
                f"version than the others; the shards of {extraction.output} are deleted, run again to embed them anew"
            )
    return firsts


def _delete(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
