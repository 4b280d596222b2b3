"""Heads, alone or behind their FM, in one file that needs no imprint: ONNX, or a program of torch.export."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.estimator.export_files import SUFFIXES, Form, write
from imprint.estimator.fm_choice import FMChoice
from imprint.store.files import atomic

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.estimator.export_check import Check
    from imprint.fm.embedder import Embedder
    from imprint.store.heads import Head


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes
    ----------
    file : str
        Its path.
    form : str
        onnx or torch.
    input, outputs : str
        What goes in and what comes out, in words.
    preparation : str or None
        How images are made ready, in words; None for embeddings.
    classes : list
        The labels of the columns.
    bytes : int
        Its size.
    check : Check or None
        How it was checked against `predict`; None if it could not be.
    """

    file: str
    form: str
    input: str
    outputs: str
    preparation: str | None
    classes: list[str | int | float]
    bytes: int
    check: Check | None

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return asdict(self)


def export(
    head: str | Path | ImprintingClassifier,
    output: str | Path,
    *,
    to: str | None = None,
    with_fm: bool = False,
    fm: str | FMChoice | None = None,
    check: str | Path | None = None,
) -> Exported:
    """Write a head, alone or behind its FM, to one file that needs no imprint, and check it against `predict`.

    Parameters
    ----------
    head : path or ImprintingClassifier
        A head that `imprint fit` or a study saved, or one that is fitted.
    output : path
        The file, `.onnx` or, for a program of torch.export, `.pt2`.
    to : {"onnx", "torch"}, optional
        The form; by default that of the name of the output.
    with_fm : bool, default=False
        Whether images go in, not embeddings.
    fm : str or FMChoice, optional
        The FM, if the head does not say where it is.
    check : path, optional
        What the file is checked on, in place of crops of two photographs: images or, without the FM, images or embeddings.

    Returns
    -------
    Exported
        What was written and how it was checked.

    Raises
    ------
    UserError
        If the head cannot be exported, its FM cannot be loaded, or the file computes something else than `predict`; then
        it is not written.

    Examples
    --------
    >>> import imprint
    >>> imprint.export("birds.safetensors", "birds.onnx", with_fm=True).check  # doctest: +SKIP
    Check(runtime='onnxruntime 1.32.0', kind='images', samples=16, equal_labels=16, largest_difference=1.3e-06)
    """
    from imprint.estimator import export_check
    from imprint.estimator.opening import classifier_of, file_of

    output = Path(output)
    form = form_of(output, to)
    classifier = classifier_of(head)
    saved = file_of(head)
    choice = FMChoice.of(fm)
    source = None if check is None else Path(check)
    portable = classifier.portable()  # what cannot be exported says so before the FM is loaded
    if with_fm:
        embedder = _embedder(saved, choice)
        samples = export_check.of_images(classifier, embedder, source)
    else:
        embedder = None
        samples = export_check.of_embeddings(classifier, saved, choice, source)
    with atomic(output) as temporary:
        facts = write(portable, temporary, form=form, embedder=embedder, named=output)
        checked = export_check.check(temporary, form, samples, output)
    return Exported(
        str(output),
        form.value,
        facts["input"],
        facts["outputs"],
        facts.get("preparation"),
        portable.classes,
        output.stat().st_size,
        checked,
    )


def form_of(output: Path, to: str | None) -> Form:
    """The form of an output; a `UserError` if its name is not of that form."""
    if to is not None and to not in list(Form):
        raise UserError(f"to={to!r} is neither {' nor '.join(Form)}")
    by_suffix = {suffix: form for form, suffix in SUFFIXES.items()}
    form = Form(to) if to is not None else by_suffix.get(output.suffix)
    if form is None or output.suffix != SUFFIXES[form]:
        suffixes = " or ".join(by_suffix) if form is None else SUFFIXES[form]
        form_asked = "" if form is None else f" in the form {form}"
        raise UserError(f"{output}: a head is exported{form_asked} to a {suffixes} file")
    return form


def _embedder(head: Head, choice: FMChoice) -> Embedder:
    """The FM of a head."""
    from imprint.fm.models import FM_SOURCES

    recorded = head.description["fm"]
    if choice.fm is None and recorded.get("source") not in FM_SOURCES:
        raise UserError(
            f"this head was made from embeddings of {recorded.get('fm') or 'an unknown FM'}, which imprint cannot load; export "
            "the head alone, or name the FM as fm (--fm)"
        )
    embedder, _ = choice.load(recorded)
    if "weights_sha256" in recorded:
        head.require_fm(embedder)
    size = head.proxies.shape[1]
    if embedder.dim != size:
        raise UserError(
            f"the FM {embedder.identity['model']} gives embeddings of {embedder.dim} values, this head takes {size}"
        )
    return embedder
