"""Write a head, with or without its FM, as ONNX or as a torch.export program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.estimator.photographs import LOCAL
from imprint.extras import not_installed
from imprint.store.version import __version__

if TYPE_CHECKING:
    import torch

    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.estimator.head_modules import Deployed
    from imprint.fm.embedder import Embedder
    from imprint.fm.transforms import Transform

EMBEDDINGS, IMAGES = "embeddings", "images"  # input names
PROTOBUF = 2**31 - 2**20  # maximum bytes of weights in one ONNX file


class Form(StrEnum):
    """Form of an exported head."""

    onnx = "onnx"
    torch = "torch"


SUFFIX_OF_FORM = {Form.onnx: ".onnx", Form.torch: ".pt2"}


def write(
    head: ImprintingClassifier,
    module: torch.nn.Module,
    path: Path,
    *,
    form: Form,
    embedder: Embedder | None,
    named: Path,
) -> dict[str, str]:
    """Write a head, with the FM if there is one, without a check.

    Parameters
    ----------
    head : ImprintingClassifier
        The head.
    module : Module
        Maps embeddings (N, D) to the scores (N, C) of `class_scores`.
    path : Path
        The file.
    form : Form
        The form of the file.
    embedder : Embedder or None
        The FM.
    named : Path
        The final name of the file, for messages.

    Returns
    -------
    dict
        The metadata of the file: strings, some of them JSON.
    """
    import torch

    from imprint.estimator.head_modules import Deployed

    temperature, dim = head.inverse_temperature_, head.n_features_in_
    outputs = "scores (N, C), as predict gives them"
    if temperature is not None:
        outputs += "; probabilities (N, C)"
    fm = {name: value for name, value in getattr(head, "fm_", {}).items() if name not in LOCAL}
    facts = {
        "classes": json.dumps(head.plain_classes("export"), ensure_ascii=False),
        "outputs": outputs,
        "fm": json.dumps(fm, ensure_ascii=False),
        "imprint": __version__,
    }
    if embedder is None:
        facts["input"] = f"embeddings, float32 (N, {dim}), as the FM gives them"
        deployed, example, name = Deployed(module, temperature), torch.zeros(2, dim), EMBEDDINGS
    else:
        transform = embedder.transform
        facts["input"] = f"images, float32 (N, 3, {transform.size[0]}, {transform.size[1]})"
        facts["preparation"] = preparation(transform)
        facts["preprocessing"] = json.dumps(transform.as_dict())
        body = embedder.body.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        deployed = Deployed(module, temperature, body, transform.mean, transform.std)
        generator = torch.Generator().manual_seed(0)
        example, name = torch.rand(2, 3, *transform.size, generator=generator), IMAGES
    if form is Form.onnx:
        _require_onnx(deployed, named)
    dimensions = ({0: torch.export.Dim("n")},)  # N is dynamic
    program = torch.export.export(deployed.eval(), (example,), dynamic_shapes=dimensions)
    if form is Form.onnx:
        _write_onnx(program, name, deployed.outputs, dimensions, path, facts)
    else:
        torch.export.save(program, path, extra_files=dict(facts))
    return facts


def preparation(transform: Transform) -> str:
    """How to prepare an image for a file that includes the FM, in words."""
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
    """Check that the module can be written as ONNX; a `UserError` if it is too large or a package is missing."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401 (torch exports with it)
    except ModuleNotFoundError as error:
        raise UserError(not_installed(error.name or "onnx") or str(error)) from None
    weights = sum(tensor.nbytes for tensor in module.state_dict().values())
    if weights > PROTOBUF:
        raise UserError(
            f"{named}: the FM has {weights / 2**30:.1f} GB of weights, but an ONNX file holds at most 2 GB; "
            "export it in the form torch (to, --to)"
        )


def _write_onnx(
    program: torch.export.ExportedProgram,
    name: str,
    outputs: list[str],
    dimensions: tuple[Any, ...],
    path: Path,
    facts: Mapping[str, str],
) -> None:
    """Write a program as ONNX, with the facts as metadata."""
    import onnx
    import torch

    translated = torch.onnx.export(
        program,
        input_names=[name],
        output_names=outputs,
        dynamic_shapes=dimensions,  # sets the names of dimensions
        dynamo=True,
        verbose=False,
    )
    assert translated is not None  # never None with dynamo=True
    model = translated.model_proto
    for key, value in facts.items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
