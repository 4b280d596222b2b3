"""The method that a user names: `auto` or a preset, with choices that replace parts of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier


@dataclass(frozen=True)
class MethodChoice:
    """Parameters of `ImprintingClassifier` that name a method; None keeps a default.

    Attributes
    ----------
    method, gen, norm_pre, norm_post, norm_inf, agg, distance, m, weighting
        As in `ImprintingClassifier`.
    k : str or None
        Proxies per class, a number as text or `auto`.
    """

    method: str | None = None
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
        """Make an unfitted classifier.

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
        from imprint.estimator.parameters import checked_parts, without_effect
        from imprint.method.generate.registry import USUAL_LS_LAMBDA

        named: dict[str, Any] = {
            name: value for name, value in vars(self).items() if value is not None
        }
        if str(named.get("k", "")).isdecimal():
            named["k"] = int(named["k"])
        classifier = ImprintingClassifier(**named, **parameters)
        # the weights of the FM's own classifier come with the embeddings; `fit` checks that they are there
        chosen = {**classifier.get_params(), "fm_classifier": ()}
        parts = checked_parts(chosen)
        if unused := without_effect({**chosen, "ls_lambda": USUAL_LS_LAMBDA}, parts):
            raise UserError("; ".join(unused))
        return classifier
