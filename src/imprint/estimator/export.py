"""Export heads, with or without their FM, to one file that does not need imprint: ONNX or a torch.export program."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.estimator.export_files import SUFFIX_OF_FORM, Form, write
from imprint.estimator.fm_choice import FMChoice, cannot_load
from imprint.store.files import atomic

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.estimator.export_check import Check
    from imprint.fm.embedder import Embedder
    from imprint.store.heads import Head


@dataclass(frozen=True)
class Exported:
    """An exported file.

    Attributes
    ----------
    file : str
        Path of the file.
    form : str
        onnx or torch.
    input, outputs : str
        Inputs and outputs, in words.
    preparation : str or None
        How to prepare images, in words; None for embeddings.
    classes : list
        The labels of the score columns.
    bytes : int
        Size of the file.
    check : Check or None
        Result of the comparison with `predict`; None if it could not be run.
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
        """All fields for JSON."""
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
    """Write a head, with or without its FM, to one file that does not need imprint, and check it against `predict`.

    Parameters
    ----------
    head : path or ImprintingClassifier
        A head saved by `imprint fit` or a study, or a fitted one.
    output : path
        The file, `.onnx` or, for a torch.export program, `.pt2`.
    to : {"onnx", "torch"}, optional
        The form; by default taken from the suffix of `output`.
    with_fm : bool, default=False
        Whether the file includes the FM and takes images instead of embeddings.
    fm : str or FMChoice, optional
        The FM, if the head does not say how to load it.
    check : path, optional
        Images (without the FM, images or embeddings) to check the file on. By default crops of two photographs or, without the
        FM, mixtures of proxies.

    Returns
    -------
    Exported
        The file and the result of its check.

    Raises
    ------
    UserError
        If the head cannot be exported, its FM cannot be loaded, or the results of the file differ from `predict`. No file is
        written then.

    Examples
    --------
    >>> import imprint
    >>> imprint.export("birds.safetensors", "birds.onnx", with_fm=True).check  # doctest: +SKIP
    Check(runtime='onnxruntime 1.32.0', kind='images', samples=16, equal_labels=16, largest_difference=1.3e-06)
    """
    from imprint.estimator import export_check
    from imprint.estimator.open_heads import classifier_of, file_of

    output = Path(output)
    form = form_of(output, to)
    classifier = classifier_of(head)
    saved = file_of(head)
    choice = FMChoice.of(fm)
    source = None if check is None else Path(check)
    # before the FM is loaded, as these may raise
    module, classes = classifier.to_torch(exact=True), classifier.plain_classes("export")
    if with_fm:
        embedder = _embedder(saved, choice)
        samples = export_check.image_samples(classifier, embedder, source)
    else:
        embedder = None
        samples = export_check.embedding_samples(classifier, saved, choice, source)
    with atomic(output) as temporary:
        facts = write(classifier, module, temporary, form=form, embedder=embedder, named=output)
        checked = export_check.check(temporary, form, samples, output)
    return Exported(
        file=str(output),
        form=form.value,
        input=facts["input"],
        outputs=facts["outputs"],
        preparation=facts.get("preparation"),
        classes=classes,
        bytes=output.stat().st_size,
        check=checked,
    )


def form_of(output: Path, to: str | None) -> Form:
    """The form of an output; a `UserError` if its suffix does not fit."""
    if to is not None and to not in list(Form):
        raise UserError(f"to={to!r} is neither {' nor '.join(Form)}")
    by_suffix = {suffix: form for form, suffix in SUFFIX_OF_FORM.items()}
    form = Form(to) if to is not None else by_suffix.get(output.suffix)
    if form is None or output.suffix != SUFFIX_OF_FORM[form]:
        suffixes = " or ".join(by_suffix) if form is None else SUFFIX_OF_FORM[form]
        in_form = "" if form is None else f" in the form {form}"
        raise UserError(f"{output}: a head is exported{in_form} to a {suffixes} file")
    return form


def _embedder(head: Head, choice: FMChoice) -> Embedder:
    """Load the FM of a head and check that it fits."""
    from imprint.fm.models import FM_SOURCES

    recorded = head.description["fm"]
    if choice.fm is None and recorded.get("source") not in FM_SOURCES:
        raise UserError(
            f"{cannot_load(recorded)}; export the head alone, or name the FM as fm (--fm)"
        )
    embedder, _ = choice.load(recorded)
    if "weights_sha256" in recorded:
        head.require_fm(embedder)
    size = head.embedding_size
    if embedder.dim != size:
        raise UserError(
            f"the FM {embedder.identity['model']} gives embeddings of {embedder.dim} values, this head takes {size}"
        )
    return embedder
