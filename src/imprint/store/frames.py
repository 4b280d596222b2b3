"""Data frames of results, stored as Parquet files with provenance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.method.score_names import EXTRA_SCORES, LOG_LOSS
from imprint.store.files import atomic
from imprint.store.paths import check_path
from imprint.store.seals import BLANK, NAME, REMEDY, check_seal, damaged, seal

if TYPE_CHECKING:
    import pandas as pd

_ROUNDING = 1e-9  # rounding error of a mean of rates
# columns with values between 0 and 1
RATES = {
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "balanced_accuracy",
    "macro_f1",
    *EXTRA_SCORES,
} - {LOG_LOSS}


def write_parquet(path: str | Path, frame: pd.DataFrame, provenance: str) -> None:
    """Write a frame with its provenance (JSON) in the Parquet metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"provenance": provenance.encode(), NAME: BLANK}
    )
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
        seal(temporary)


def read_parquet(path: str | Path) -> pd.DataFrame:
    """Read a frame.

    Raises
    ------
    UserError
        If the file is missing or damaged, or a rate in it is no number between 0 and 1.
    """
    import pandas as pd

    check_seal(path)
    try:
        frame = pd.read_parquet(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise damaged(path, REMEDY, f"it is not a readable Parquet file ({error})") from None
    check_path(path, _provenance(path))
    for name in sorted(RATES & set(frame.columns)):
        present = frame[name].dropna()
        if len(present) and not pd.api.types.is_numeric_dtype(frame[name]):
            raise damaged(path, REMEDY, f"{name} {present.iloc[0]!r} is not a number")
        wrong = present[~present.between(-_ROUNDING, 1 + _ROUNDING)]
        if len(wrong):
            raise damaged(path, REMEDY, f"{name} {wrong.iloc[0]} is not between 0 and 1")
    return frame


def read_provenance(path: str | Path) -> dict[str, Any]:
    """The provenance that `write_parquet` stored."""
    check_seal(path)
    return _provenance(path)


def _provenance(path: str | Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    metadata = pq.read_schema(path).metadata or {}
    return json.loads(metadata.get(b"provenance", b"{}"))
