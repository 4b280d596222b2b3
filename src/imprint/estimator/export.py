"""Heads, alone or behind their FM, in one file that needs no imprint: ONNX, or a program of torch.export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError, not_installed
from imprint.estimator.fm_choice import FMChoice
from imprint.store.files import atomic
from imprint.version import __version__

if TYPE_CHECKING:
    import torch

    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.estimator.export_check import Check
    from imprint.estimator.head_modules import Deployed
    from imprint.fm.embedder import Embedder
    from imprint.fm.transforms import Transform

EMBEDDINGS, IMAGES = "embeddings", "images"  # names of the input
PROTOBUF = 2**31 - 2**20  # bytes of weights that one ONNX file can hold


class Form(StrEnum):
    """What a head is exported as."""

    onnx = "onnx"
    torch = "torch"


SUFFIXES = {Form.onnx: ".onnx", Form.torch: ".pt2"}


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
    head: str | Path,
    output: str | Path,
    *,
    to: str | None = None,
    with_fm: bool = False,
    fm: str | FMChoice | None = None,
    check: str | Path | None = None,
) -> Exported:
    """Write a saved head, alone or behind its FM, to one file that needs no imprint, and check it against `predict`.

    Parameters
    ----------
    head : path
        A head that `imprint fit` or a study saved.
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
    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.store.heads import read_head

    output = Path(output)
    form = form_of(output, to)
    saved = read_head(head)
    classifier = ImprintingClassifier.load(head)
    classifier.plain_classes("export")
    choice = fm if isinstance(fm, FMChoice) else FMChoice(fm)
    source = None if check is None else Path(check)
    classifier.to_torch()  # what cannot be exported says so before the FM is loaded
    if with_fm:
        embedder = _embedder(Path(head), classifier, saved.description["fm"], choice)
        samples = export_check.of_images(classifier, embedder, source)
    else:
        embedder = None
        samples = export_check.of_embeddings(classifier, saved, choice, source)
    with atomic(output) as temporary:
        facts = write(classifier, temporary, form=form, embedder=embedder, named=output)
        checked = export_check.check(temporary, form, samples, output)
    return Exported(
        str(output),
        form.value,
        facts["input"],
        facts["outputs"],
        facts.get("preparation"),
        classifier.plain_classes("export"),
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
        what = "a head is exported to a" if form is None else f"the form {form} is a"
        raise UserError(f"{output}: {what} {suffixes} file")
    return form


def _embedder(
    path: Path, classifier: ImprintingClassifier, recorded: Mapping[str, Any], choice: FMChoice
) -> Embedder:
    """The FM of a head."""
    from imprint.fm.models import FM_SOURCES
    from imprint.store.heads import read_head

    if choice.fm is None and recorded.get("source") not in FM_SOURCES:
        raise UserError(
            f"{path} was made from embeddings of {recorded.get('fm') or 'an unknown FM'}, which imprint cannot load; export "
            "the head alone, or name the FM by --fm"
        )
    embedder, _ = choice.load(recorded)
    if "weights_sha256" in recorded:
        read_head(path).require_fm(embedder)
    size = classifier.n_features_in_
    if embedder.dim != size:
        raise UserError(
            f"the FM {embedder.identity['model']} gives embeddings of {embedder.dim} values, {path} takes {size}"
        )
    return embedder


def write(
    classifier: ImprintingClassifier,
    path: Path | str,
    *,
    form: Form = Form.onnx,
    embedder: Embedder | None = None,
    named: Path | None = None,
) -> dict[str, str]:
    """Write a head, behind the FM if there is one, without a check.

    Parameters
    ----------
    classifier : ImprintingClassifier
        The head.
    path : path
        The file.
    form : Form, default=Form.onnx
        What it is.
    embedder : Embedder, optional
        The FM.
    named : path, optional
        The name that the file will have, for messages.

    Returns
    -------
    dict
        What the file says of itself: texts, some of them JSON.
    """
    import torch

    from imprint.estimator.head_modules import Deployed

    exact = classifier.has_exact_module
    temperature = classifier.inverse_temperature_ if exact else None
    head = classifier.to_torch(exact=exact)
    outputs = (
        "scores (N, C), as predict gives them" if exact else "scores (N, C), whose order counts"
    )
    if temperature is not None:
        outputs += "; probabilities (N, C)"
    facts = {
        "classes": json.dumps(classifier.plain_classes("export"), ensure_ascii=False),
        "outputs": outputs,
        "fm": json.dumps(getattr(classifier, "fm_", {}), ensure_ascii=False),
        "imprint": __version__,
    }
    if embedder is None:
        size = classifier.n_features_in_
        facts["input"] = f"embeddings, float32 (N, {size}), as the FM gives them"
        module, example, name = Deployed(head, temperature), torch.zeros(2, size), EMBEDDINGS
    else:
        transform = embedder.transform
        facts["input"] = f"images, float32 (N, 3, {transform.size[0]}, {transform.size[1]})"
        facts["preparation"] = preparation(transform)
        facts["preprocessing"] = json.dumps(transform.as_dict())
        body = embedder.body.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        module = Deployed(head, temperature, body, transform.mean, transform.std)
        generator = torch.Generator().manual_seed(0)
        example, name = torch.rand(2, 3, *transform.size, generator=generator), IMAGES
    if form is Form.onnx:
        _require_onnx(module, Path(named or path))
    dimensions = ({0: torch.export.Dim("n")},)  # any N
    program = torch.export.export(module.eval(), (example,), dynamic_shapes=dimensions)
    if form is Form.onnx:
        _write_onnx(program, name, module.outputs, dimensions, Path(path), facts)
    else:
        torch.export.save(program, path, extra_files=dict(facts))
    return facts


def preparation(transform: Transform) -> str:
    """How an image is made ready for a file that holds the FM, in words."""
    (height, width), (rows, columns) = transform.resize, transform.size
    how = f"{transform.interpolation}, antialiased"
    if transform.fit == "squash":
        text = f"resize the image to {width} x {height} pixels, width x height ({how})"
    elif transform.fit == "border":
        fill = ", ".join(str(round(255 * value)) for value in transform.mean)
        text = (
            f"resize the image, proportions kept, to fit into {width} x {height} pixels, width x height ({how}); fill the "
            f"rest with the colour {fill}"
        )
    elif height == width:
        text = f"resize the image, proportions kept, until its shorter side has {height} pixels ({how})"
    else:
        text = f"resize the image, proportions kept, to cover {width} x {height} pixels, width x height ({how})"
    if transform.fit != "squash" or (height, width) != (rows, columns):
        text += f"; take the {columns} x {rows} pixels in its centre"
    return (
        f"RGB; {text}; divide by 255, so that values lie between 0 and 1. Mean and standard deviation of the channels are "
        "taken care of inside."
    )


def _require_onnx(module: Deployed, named: Path) -> None:
    """Check that ONNX can hold the module; a `UserError` if it or a package cannot."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401 (what torch exports with)
    except ModuleNotFoundError as error:
        raise UserError(not_installed(error.name or "onnx") or str(error)) from None
    weights = sum(tensor.nbytes for tensor in module.state_dict().values())
    if weights > PROTOBUF:
        raise UserError(
            f"{named}: the FM has {weights / 2**30:.1f} GB of weights, and an ONNX file holds 2 GB; use --to torch"
        )


def _write_onnx(
    program: torch.export.ExportedProgram,
    name: str,
    outputs: list[str],
    dimensions: tuple[Any, ...],
    path: Path,
    facts: Mapping[str, str],
) -> None:
    """Write a program as ONNX, the facts as its metadata."""
    import onnx
    import torch

    translated = torch.onnx.export(
        program,
        input_names=[name],
        output_names=outputs,
        dynamic_shapes=dimensions,  # for their names
        dynamo=True,
        verbose=False,
    )
    assert translated is not None  # with dynamo=True there is one
    model = translated.model_proto
    for key, value in facts.items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
