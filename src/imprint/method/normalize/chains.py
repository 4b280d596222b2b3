"""Chains of NORMs, written as names such as `l2+whiten(oas)+l2` and applied from left to right."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from inspect import signature

from imprint.errors import UserError
from imprint.method.configuration import IDENTITY, UNIT_LENGTH
from imprint.method.names import split_name
from imprint.method.normalize.registry import NORMS, FittedNorm, Normalization

SEPARATOR = "+"


@dataclass(frozen=True)
class Step:
    """One NORM of a chain; `argument` is the text in brackets after its name."""

    entry: Normalization
    argument: str | None = None

    @property
    def text(self) -> str:
        """The step as written in configurations."""
        return self.entry.name if self.argument is None else f"{self.entry.name}({self.argument})"

    def unfitted(self) -> FittedNorm:
        """A new object of the fitted NORM, not fitted yet."""
        assert self.entry.fitted is not None
        return self.entry.fitted() if self.argument is None else self.entry.fitted(self.argument)


@dataclass(frozen=True)
class Chain:
    """A NORM as written in configurations: one NORM, or several applied one after another.

    Attributes
    ----------
    steps : tuple of Step
        The NORMs in order, without those that change nothing.
    """

    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """Its only valid name."""
        return SEPARATOR.join(step.text for step in self.steps) or IDENTITY

    @property
    def of_rows(self) -> bool:
        """Whether it is allowed before generation and at inference."""
        return all(step.entry.of_rows for step in self.steps)

    @cached_property
    def fitted(self) -> tuple[Step, ...]:
        """The steps that learn from the training embeddings."""
        return tuple(step for step in self.steps if step.entry.fitted)

    @property
    def single(self) -> Normalization | None:
        """The NORM of a chain with at most one step; None for several."""
        if not self.steps:
            return NORMS[IDENTITY]
        return self.steps[0].entry if len(self.steps) == 1 else None

    @property
    def only_scales(self) -> bool:
        """Whether it multiplies each row by a number."""
        return self.single is not None and self.single.scale is not None

    @property
    def ends_in_unit_length(self) -> bool:
        """Whether its results have length 1."""
        return bool(self.steps) and self.steps[-1].entry.name == UNIT_LENGTH

    @property
    def needs_fm_classifier(self) -> bool:
        """Whether a step needs the weights of the FM's own classifier."""
        return any(step.entry.needs_fm_classifier for step in self.steps)

    @property
    def reference(self) -> str | None:
        """The references of the quantiles in its steps."""
        references = [step.entry.reference for step in self.steps if step.entry.reference]
        return "; ".join(references) or None

    def up_to_fitted(self) -> tuple[Step, ...]:
        """The steps up to the last fitted one: they decide the space of the embeddings."""
        last = max((i for i, step in enumerate(self.steps) if step.entry.fitted), default=-1)
        return self.steps[: last + 1]

    def before_fitted(self) -> str:
        """The steps before the first fitted one, as a NORM; empty if there are none."""
        first = next((i for i, step in enumerate(self.steps) if step.entry.fitted), 0)
        return SEPARATOR.join(step.text for step in self.steps[:first])


def chain(norm: str) -> Chain:
    """Parse the name of a chain.

    Raises
    ------
    UserError
        If a step is unknown, has an argument that it cannot take, is fitted but follows a NORM of proxies, or changes
        nothing: a chain has only one valid name.

    Examples
    --------
    >>> [step.text for step in chain("l2+whiten(oas)").steps]
    ['l2', 'whiten(oas)']
    """
    plain = NORMS.get(norm)
    if plain is not None and plain.fitted is None:
        return Chain(joined(()) if norm == IDENTITY else (Step(plain),))
    steps: tuple[Step, ...] = ()
    for text in str(norm).split(SEPARATOR):
        step = _step(text.strip(), norm)
        if step.entry.fitted and not Chain(steps).of_rows:
            before = next(s.text for s in steps if not s.entry.of_rows)
            raise UserError(
                f"NORM '{norm}': '{step.text}' learns from embeddings and cannot follow '{before}'"
            )
        steps += (step,)
    result = Chain(joined(steps))
    if result.text != norm:
        raise UserError(f"NORM '{norm}' must be written as '{result.text}'")
    return result


def _step(text: str, norm: str) -> Step:
    name, argument = split_name(text)
    if argument is not None and "/" in argument:  # it separates groups in files of proxies
        raise UserError(f"NORM '{norm}': write the argument of '{name}' without '/'")
    entry = NORMS.find(name)
    if argument is None and entry.fitted is None:
        return Step(entry)
    if entry.fitted is None:
        raise UserError(f"NORM '{norm}': '{entry.name}' takes no argument")
    step = Step(entry, argument)
    try:
        step.unfitted()
    except (TypeError, ValueError) as error:
        raise UserError(f"NORM '{norm}': {error}") from None
    except Exception as error:
        if not entry.of_user:
            raise
        raise UserError(
            f"NORM '{norm}' of {entry.origin}: {type(error).__name__}: {error}"
        ) from error
    return Step(entry, _shortest(step))


def _shortest(step: Step) -> str | None:
    """The argument of a step in its only valid form: none for the default, and numbers without needless zeros."""
    argument = step.argument
    if argument is None or step.entry.of_user:
        return argument
    default = next(iter(signature(type(step.unfitted())).parameters.values())).default
    with suppress(ValueError):
        argument = f"{float(argument):.15g}"
    return None if argument == str(default) else argument


def joined(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Steps without those that change nothing: `none`, and `l2` after `l2`."""
    kept: list[Step] = []
    for step in steps:
        repeated = step.entry.name == UNIT_LENGTH and kept and kept[-1].entry.name == UNIT_LENGTH
        if step.entry.name != IDENTITY and not repeated:
            kept.append(step)
    return tuple(kept)


def learns(*norms: str) -> bool:
    """Whether one of these NORMs learns from training embeddings."""
    return any(chain(norm).fitted for norm in norms)


def norms_problem(norm_pre: str, norm_post: str, norm_inf: str) -> str | None:
    """The reason why three NORMs cannot be combined, or None.

    Proxies and test embeddings must be in one space, so fitted steps of NORMpre are needed at inference too. Fitted steps of
    NORMpost are also applied to test embeddings, after NORMinf; then NORMpre and NORMinf must be the same. Steps of NORMpost
    that are not fitted are not applied to test embeddings; before a fitted step, they must therefore leave embeddings after
    NORMpre unchanged.
    """
    pre, post, inf = chain(norm_pre), chain(norm_post), chain(norm_inf)
    if post.fitted and pre != inf:
        return (
            f"norm_post {norm_post} learns after norm_pre {norm_pre} and is applied after norm_inf {norm_inf}: these two "
            "must be the same"
        )
    steps = pre.steps
    for step in post.up_to_fitted():
        if not step.entry.fitted and joined((*steps, step)) != steps:
            return (
                f"norm_post {norm_post} learns from embeddings after {step.text}, which is not applied to test embeddings: name "
                f"{step.text} in norm_pre and norm_inf too"
            )
        steps = joined((*steps, step))
    if pre.up_to_fitted() == inf.up_to_fitted():
        return None
    return (
        f"norm_pre {norm_pre} and norm_inf {norm_inf} lead to different spaces: up to the last fitted NORM they must "
        f"be alike, such as norm_pre {norm_pre} with norm_inf {norm_pre}"
    )


def are_combined(norm_pre: str, norm_post: str, norm_inf: str) -> bool:
    """Whether a grid combines the three: `l2` before generation requires `l2` at inference, as in the paper."""
    if norms_problem(norm_pre, norm_post, norm_inf):
        return False
    pre, inf = chain(norm_pre).steps, chain(norm_inf).steps
    unit = [steps[:1] == chain(UNIT_LENGTH).steps for steps in (pre, inf)]
    return unit[1] or not unit[0]
