"""Frames of results as Parquet files with provenance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.store.files import atomic

if TYPE_CHECKING:
    import pandas as pd


def write_parquet(path: str | Path, frame: pd.DataFrame, provenance: str) -> None:
    """Write a frame with its provenance (JSON) in the Parquet metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"provenance": provenance.encode()}
    )
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_parquet(path: str | Path) -> pd.DataFrame:
    """Read a frame.

    Raises
    ------
    UserError
        If the file is missing or cut off.
    """
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is not a readable Parquet file ({error}); delete it and run again"
        ) from None


def read_provenance(path: str | Path) -> dict[str, Any]:
    """The provenance that `write_parquet` stored."""
    import pyarrow.parquet as pq

    provenance: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"provenance"])
    return provenance
