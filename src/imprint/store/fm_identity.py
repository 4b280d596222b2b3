"""What identifies an FM: embeddings of two FMs are of one kind if nothing of it differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imprint.errors import UserError
from imprint.store.files import canonical

# entries of an FM's identity that must equal those of the head: embeddings depend on them
KEYS = ("model", "weights_sha256", "transform")
LOCAL_FOLDER = "local-dir:"  # prefix of timm's names of models in a folder
DEFAULTS = {"pooling": "pooled"}  # values of entries that an identity leaves out


def fm_differences(fm: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What identifies an FM (see `fm_identity`) and differs in another one, in words."""
    keys = [name for name in KEYS if name in fm] or ["fm"]
    if "model" in keys:
        fm, other = DEFAULTS | dict(fm), DEFAULTS | dict(other)
        keys += DEFAULTS
        if "weights_sha256" in keys and all(
            str(each.get("model")).startswith(LOCAL_FOLDER) for each in (fm, other)
        ):
            keys.remove("model")  # the folder may have moved; its weights identify it
    return [
        f"{name} {_in_words(fm.get(name))}, not {_in_words(other.get(name))}"
        for name in keys
        if canonical(fm.get(name)) != canonical(other.get(name))
    ]


def fm_identity(fm: Any) -> dict[str, Any]:
    """The entries that identify an FM.

    Parameters
    ----------
    fm : mapping or object
        A mapping with `model`, `weights_sha256` and `transform` (at least `model`, or a name as `fm`), such as the
        provenance of an embeddings file; or an object that has them, `Embeddings` or an `Embedder`.

    Raises
    ------
    UserError
        If it names no FM.
    """
    if hasattr(fm, "provenance"):
        fm = fm.provenance
    elif hasattr(fm, "identity"):
        fm = {**fm.identity, "transform": fm.transform.as_dict()}
    if not isinstance(fm, Mapping) or not (fm.get("model") or fm.get("fm")):
        raise UserError(
            f"fm {fm!r} names no FM; give a mapping with model, weights_sha256 and transform, the provenance of an "
            "embeddings file, or the Embedder"
        )
    return dict(fm)


def _in_words(value: Any) -> str:
    if value is None:
        return "an unknown one"
    return value if isinstance(value, str) else canonical(value)
