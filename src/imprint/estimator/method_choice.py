"""The method that a user names: a preset, and what replaces parts of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier

VOTES = ("m", "weighting")  # what only a vote of neighbours has


@dataclass(frozen=True)
class MethodChoice:
    """A preset and the parameters of `ImprintingClassifier` that replace its own; None leaves one.

    Attributes
    ----------
    preset : str
        A name of `imprint.method.presets.PRESETS`.
    gen, norm_pre, norm_post, norm_inf, agg, distance, weighting : str or None
        As in `ImprintingClassifier`.
    k : str or None
        Proxies per class, a number or `auto`.
    m : int or None
        Neighbours that vote.
    """

    preset: str = "westerhoff"
    gen: str | None = None
    k: str | None = None
    norm_pre: str | None = None
    norm_post: str | None = None
    norm_inf: str | None = None
    agg: str | None = None
    distance: str | None = None
    m: int | None = None
    weighting: str | None = None

    def classifier(self, **parameters: Any) -> ImprintingClassifier:
        """The classifier, unfitted.

        A GEN in place of one that leaves no choice of k gets the usual k.

        Parameters
        ----------
        **parameters
            Further parameters of `ImprintingClassifier`, such as random_state.

        Raises
        ------
        UserError
            If a name is unknown, or a parameter has no effect on the method.
        """
        from imprint.estimator.classifier import ImprintingClassifier
        from imprint.method.configuration import MNN
        from imprint.method.generate import GENERATORS
        from imprint.method.normalize import NORMS

        changes = {
            name: value
            for name, value in vars(self).items()
            if name != "preset" and value is not None
        }
        if "k" in changes:
            changes["k"] = _parse_k(changes["k"])
        classifier = ImprintingClassifier.preset(self.preset, **changes, **parameters)
        norm = NORMS.get(classifier.norm_post)
        if not (norm and norm.needs_fm_classifier):  # which comes with the embeddings
            classifier.check_parameters()
        takes_k = GENERATORS.find(classifier.gen).takes_k
        if "k" in changes and not takes_k and classifier.k != 1:
            raise UserError(
                f"k {classifier.k}: GEN {classifier.gen} leaves no choice of k; choose another GEN"
            )
        if "gen" in changes and "k" not in changes and takes_k and classifier.k == 1:
            classifier.set_params(k=ImprintingClassifier().k)
        unused = [name for name in VOTES if name in changes and classifier.agg != MNN]
        if unused:
            raise UserError(
                f"{' and '.join(unused)}: only neighbours that vote have that; choose agg {MNN}"
            )
        return classifier


def _parse_k(text: str) -> int | str:
    if text == "auto":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"k '{text}' is neither a positive whole number nor 'auto'")
    return int(text)
