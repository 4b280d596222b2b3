"""Application of NORMs to embeddings and proxies, with fitted NORMs that learn from one training set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.method.configuration import IDENTITY
from imprint.method.large_arrays import by_rows, for_user, is_finite
from imprint.method.normalize.chains import SEPARATOR, Step, chain, joined
from imprint.method.normalize.registry import NORMS, FittedNorm, Normalization

StepPath = tuple[Step, ...]
SUMS = "sums"  # attribute of a NORM that updates need, but no prediction
MISSING = object()
# of a NORM whose `fit` learns nothing, so that its name is saved
NO_VALUES = {"nothing_": np.empty(0, np.float32)}
ROWS = 8  # embeddings with which `components_` are checked
CLOSE = 1e-3  # difference of two computations of a map, relative to its largest value
ROUNDING = 1e-5  # such a difference relative to the largest sum of sizes, which cancel where embeddings hardly vary


def apply(norm: str, x: np.ndarray) -> np.ndarray:
    """Apply a NORM without fitted steps to embeddings (n, d)."""
    return FittedNorms().apply_to_embeddings(norm, x)


class FittedNorms:
    """The NORMs of one training set. Each fitted NORM learns once, when it is first needed.

    A fitted NORM learns from the training embeddings after the steps before it; in NORMpost, also after NORMpre. Fitted
    steps of NORMpost are also applied to test embeddings, after NORMinf, so that these are in the space of the proxies.

    Parameters
    ----------
    x : ndarray of shape (n, d), optional
        Training embeddings. Without them no more NORMs can be fitted.
    y : ndarray of shape (n,), optional
        Their labels, 0..C-1.
    learnt : mapping, optional
        Fitted NORMs, such as `learnt` of another object.

    Attributes
    ----------
    learnt : dict
        The fitted NORMs by the names of all steps up to them, joined as in `l2+whiten`: text, so that heads can save it.

    Examples
    --------
    >>> x = np.array([[1.0, 0], [3, 0], [5, 3]], np.float32)
    >>> FittedNorms(x, np.array([0, 0, 1])).apply_to_embeddings("center", x[:1])
    array([[-2., -1.]], dtype=float32)
    """

    def __init__(
        self,
        x: np.ndarray | None = None,
        y: np.ndarray | None = None,
        learnt: Mapping[str, FittedNorm] | None = None,
    ) -> None:
        self._x, self._y = x, y
        # training embeddings after some steps
        self._latest: tuple[StepPath, np.ndarray] | None = None
        self.learnt: dict[str, FittedNorm] = dict(learnt or {})

    def apply_to_embeddings(self, norm: str, x: np.ndarray) -> np.ndarray:
        """Apply NORMpre or NORMinf to embeddings (n, d)."""
        steps = chain(norm)
        if not steps.of_rows:
            raise UserError(
                f"NORM '{norm}' is allowed after generation only; allowed before it and at inference: "
                f"{', '.join(NORMS.names(of_rows=True))}"
            )
        return self._training(steps.steps) if x is self._x else self._applied(steps.steps, x)

    def apply_to_proxies(
        self,
        norm_pre: str,
        norm_post: str,
        proxies: np.ndarray,
        labels: np.ndarray,
        fm_classifier: np.ndarray | None = None,
    ) -> np.ndarray:
        """Apply NORMpost to proxies (p, d) with ascending labels (p,), generated after `norm_pre`."""
        for path in _paths(norm_pre, norm_post):
            entry = path[-1].entry
            if entry.proxies is not None:
                proxies = apply_to_all_proxies(entry, proxies, labels, fm_classifier)
            else:
                proxies = self._step(path, proxies)
        return proxies

    def apply_to_queries(
        self, norm_pre: str, norm_post: str, norm_inf: str, x: np.ndarray
    ) -> np.ndarray:
        """Test embeddings (n, d) after NORMinf and the fitted steps of NORMpost."""
        x = self.apply_to_embeddings(norm_inf, x)
        for path in _paths(norm_pre, norm_post):
            if path[-1].entry.fitted:
                x = self._step(path, x)
        return x

    def fitted_steps(self, norm_pre: str, norm: str) -> list[FittedNorm]:
        """The fitted steps of a NORM after `norm_pre`, in order."""
        return [self.learnt[name] for name in self._names(norm_pre, norm)]

    def learn(self, norm_pre: str, norm_post: str, norm_inf: str) -> FittedNorms:
        """Fit those NORMs of a method that are not fitted yet; returns all that it needs, without the training embeddings."""
        spaces = ((IDENTITY, norm_pre), (IDENTITY, norm_inf), (norm_pre, norm_post))
        names = [name for space in spaces for name in self._names(*space)]
        return FittedNorms(learnt={name: self.learnt[name] for name in names})

    def refitted(self, x: np.ndarray, y: np.ndarray) -> FittedNorms:
        """These NORMs fitted to other training embeddings (n, d) with labels (n,), keeping choices such as a penalty.

        A fitted NORM without `refit` learns anew.
        """
        other = FittedNorms(x, y)
        for name, norm in sorted(self.learnt.items(), key=lambda item: len(item[0])):
            path = chain(name).steps
            again = getattr(norm, "refit", None)
            if again is not None:
                other.learnt[name] = again(other._training(path[:-1]), y)
        return other

    def state(self) -> dict[str, np.ndarray]:
        """The learnt arrays by name in `learnt` and attribute, as in `l2+whiten/components_`."""
        return {
            f"{name}/{attribute}": np.asarray(value)
            for name, norm in self.learnt.items()
            for attribute, value in (_learnt_values(norm) or NO_VALUES).items()
        }

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> FittedNorms:
        """The NORMs described by `state`."""
        norms = cls()
        for key, value in state.items():
            name, attribute = key.rsplit("/", 1)
            if name not in norms.learnt:
                norms.learnt[name] = chain(name).steps[-1].unfitted()
            setattr(norms.learnt[name], attribute, value if value.ndim else value.item())
        return norms

    def _training(self, steps: StepPath) -> np.ndarray:
        """Training embeddings after some steps. The last result is kept, because steps after NORMpre often need it again."""
        assert self._x is not None
        if self._latest is None or self._latest[0] != steps:
            self._latest = steps, self._applied(steps, self._x)
        return self._latest[1]

    def _applied(self, steps: StepPath, x: np.ndarray) -> np.ndarray:
        for end in range(1, len(steps) + 1):
            x = self._step(steps[:end], x)
        return x

    def _step(self, path: StepPath, x: np.ndarray) -> np.ndarray:
        """Apply the last step of a path."""
        entry = path[-1].entry
        function = self.learnt[self._learnt_name(path)].transform if entry.fitted else entry.rows
        assert function is not None
        if not entry.of_user:
            return by_rows(function, x)
        return _checked(
            path[-1], len(x), by_rows(lambda rows: entry.call(function, for_user(rows)), x)
        )

    def _names(self, norm_pre: str, norm: str) -> list[str]:
        """The names in `learnt` of the fitted steps of a NORM after `norm_pre`; fits those that are not fitted yet."""
        paths = _paths(norm_pre, norm)
        return [self._learnt_name(path) for path in paths if path[-1].entry.fitted]

    def _learnt_name(self, path: StepPath) -> str:
        """The name in `learnt` of the last step of a path; fits the step if it is not fitted yet."""
        path = joined(path)
        name = SEPARATOR.join(step.text for step in path)
        if name not in self.learnt:
            if self._x is None or self._y is None:
                raise UserError(
                    f"NORM {path[-1].text} learns from training embeddings, but there are none"
                )
            self.learnt[name] = _fitted(path[-1], self._training(path[:-1]), self._y)
        return name


def _paths(norm_pre: str, norm: str) -> list[StepPath]:
    """All steps up to each step of a NORM after `norm_pre`."""
    before, steps = chain(norm_pre).steps, chain(norm).steps
    return [before + steps[:end] for end in range(1, len(steps) + 1)]


def apply_to_all_proxies(
    entry: Normalization,
    proxies: np.ndarray,
    labels: np.ndarray,
    fm_classifier: np.ndarray | None = None,
) -> np.ndarray:
    """Apply a NORM of all proxies (p, d) with ascending labels (p,)."""
    assert entry.proxies is not None
    if not entry.of_user:
        return entry.proxies(proxies, labels, fm_classifier)
    result = entry.call(entry.proxies, for_user(proxies), labels.copy(), fm_classifier)
    return _checked(Step(entry), len(proxies), result, "proxies")


def _fitted(step: Step, x: np.ndarray, y: np.ndarray) -> Any:
    """The NORM of a step, fitted to training embeddings x (n, D), labels y (n,).

    A `UserError` if what a user's `fit` returns, or an attribute that it sets, would be lost in a saved head.
    """
    unfitted = step.unfitted()
    if not step.entry.of_user:
        return unfitted.fit(x, y)
    before = dict(getattr(unfitted, "__dict__", {}))
    norm = step.entry.call(unfitted.fit, for_user(x), y.copy())
    if norm is None:  # a `fit` without `return self`
        norm = unfitted
    if type(norm) is not type(unfitted) or not hasattr(norm, "__dict__"):
        raise UserError(
            f"NORM {step.text} ({step.entry.origin}): fit returned {norm!r}; end it with `return self`, in a class without "
            "__slots__"
        )
    lost = sorted(
        name
        for name, value in vars(norm).items()
        if not name.endswith("_") and name != SUMS and value is not before.get(name, MISSING)
    )
    if lost:
        raise UserError(
            f"NORM {step.text} ({step.entry.origin}): fit sets {', '.join(lost)}; end the names of learnt arrays in an underscore, "
            f"such as {lost[0]}_, so that heads save them"
        )
    for name, value in _learnt_values(norm).items():
        if not _is_numeric(value):
            raise UserError(
                f"NORM {step.text} ({step.entry.origin}): fit sets {name} to {type(value).__name__}; heads save arrays of numbers, and "
                "numbers"
            )
    if hasattr(norm, "components_"):
        _check_linear(step, norm, x[:ROWS])
    return norm


def _learnt_values(norm: FittedNorm) -> dict[str, Any]:
    """What a NORM has learnt, by attribute."""
    return {name: value for name, value in vars(norm).items() if name.endswith("_")}


def _is_numeric(value: object) -> bool:
    try:
        return np.asarray(value).dtype.kind in "fiub"
    except ValueError:  # rows of several lengths
        return False


def _check_linear(step: Step, norm: Any, x: np.ndarray) -> None:
    """A `UserError` unless a user's NORM maps some embeddings x (n, D) as its `components_` and `mean_` say."""
    mapped = step.entry.call(norm.transform, for_user(x))
    components = np.asarray(norm.components_, np.float64)
    moved = x - np.asarray(getattr(norm, "mean_", 0.0), np.float64)
    is_map = components.ndim == 2 and moved.shape == x.shape and len(components) == x.shape[1]
    expected = moved @ components if is_map else None
    if expected is not None and expected.shape == np.shape(mapped):
        largest = float(np.abs(expected).max(initial=0))
        sizes = (np.abs(x) + np.abs(x - moved)) @ np.abs(components)
        room = max(CLOSE * largest, ROUNDING * float(sizes.max(initial=0)))
        if np.allclose(mapped, expected, rtol=0, atol=room):
            return
    raise UserError(
        f"NORM {step.text} ({step.entry.origin}): transform is not (x - mean_) @ components_ with components_ of shape "
        f"{components.shape} and {'a' if hasattr(norm, 'mean_') else 'no'} mean_; correct these, or give what fit learns other names"
    )


def _checked(step: Step, n: int, result: object, of: str = "embeddings") -> np.ndarray:
    """The result of a user's NORM for n rows, as float32; a `UserError` unless it has n rows of finite real numbers."""
    norm = f"NORM {step.text} ({step.entry.origin})"
    if not isinstance(result, np.ndarray) or result.ndim != 2 or len(result) != n:
        got = (
            f"an array of shape {result.shape}" if isinstance(result, np.ndarray) else type(result)
        )
        raise UserError(f"{norm} returned {got} for {n} {of}; it must return an array of {n} rows")
    if result.dtype.kind not in "fiub":
        raise UserError(f"{norm} returned {result.dtype}; it must return real numbers")
    if not is_finite(result):
        raise UserError(f"{norm} returned values that are not finite in float32")
    return result.astype(np.float32, copy=False)
