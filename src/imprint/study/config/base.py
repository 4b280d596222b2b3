"""The base model and the value types that the sections of the configuration share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from imprint.analysis.component_rankings import RANK_BY
from imprint.errors import UserError
from imprint.method.aggregations import AGGREGATIONS
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS
from imprint.method.normalize import NORMS, chain
from imprint.method.presets import PRESETS
from imprint.method.score_names import EXTRA_SCORES, SELECT_ON
from imprint.method.weightings import WEIGHTINGS, find_weighting
from imprint.registry import unknown
from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES

MISTAKE = "mistake"  # type of the errors whose message replaces that of pydantic


def mistake(message: str) -> PydanticCustomError:
    """The error of a value, with a message for the user."""
    return PydanticCustomError(MISTAKE, "{message}", {"message": message})


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values are immutable, attribute docstrings describe the keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


@dataclass(frozen=True)
class Checked:
    """Annotation of a string that a function checks.

    Attributes
    ----------
    check : callable
        Raises a `UserError` if the string is invalid.
    names : callable
        Returns the known names, for the JSON schema; called each time, as a user's file may add some.
    extensible : bool
        Whether other strings are valid too: names that a user's file adds, chains of names, names with arguments.
    """

    check: Callable[[str], object]
    names: Callable[[], Iterable[str]]
    extensible: bool = True

    def _validate(self, text: str) -> str:
        try:
            self.check(text)
        except UserError as error:
            raise mistake(str(error)) from None
        return text

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        names = {"enum": list(self.names()), "type": "string"}
        return {"anyOf": [names, {"type": "string"}]} if self.extensible else names


def one_of(kind: str, names: Callable[[], Iterable[str]], extensible: bool = False) -> Checked:
    """Annotation of a string that must be one of `names`; `kind` is the word for it in messages."""

    def check(name: str) -> None:
        known = list(names())
        if name not in known:
            raise UserError(unknown(kind, name, known))

    return Checked(check, names, extensible)


def _check_of_rows(norm: str) -> None:
    if not chain(norm).of_rows:
        raise UserError(unknown("NORM of embeddings", norm, NORMS.names(of_rows=True)))


def as_list(value: Any) -> Any:
    """A list, or a single value as a list of one."""
    return value if isinstance(value, list | tuple) else [value]


@dataclass(frozen=True)
class _ListSchema:
    """Annotation of a list whose JSON schema accepts an entry alone too, if `or_one`, as `as_list` does."""

    or_one: bool

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # pydantic writes minLength and maxLength for a list that has a validator before its limits
        entries = {key.replace("Length", "Items"): value for key, value in handler(schema).items()}
        return {"anyOf": [entries, entries["items"]]} if self.or_one else entries


def _as_seeds(value: Any) -> Any:
    """A list of seeds. A single number is an error, as it could also mean how many."""
    if isinstance(value, int):
        message = f"{value} is a single number; give a list of seeds, such as [{value}]"
        raise mistake(message)
    return value


def _distinct_seeds(seeds: tuple[int, ...]) -> tuple[int, ...]:
    """Seeds, each once: a repeated one would be no further run."""
    if repeated := sorted(seed for seed in set(seeds) if seeds.count(seed) > 1):
        raise mistake(f"{repeated[0]} is given twice; the same seed gives the same run")
    return seeds


def _check_place(text: str) -> str:
    """A file or folder. A variable that is not replaced is an error, as it would become part of the name."""
    if not text.strip():
        raise mistake("it is empty; name a file or folder")
    if variable := re.search(r"\$([A-Za-z_]\w*)", text):
        raise mistake(f"{variable[0]} is not replaced; write ${{{variable[1]}}} for the variable")
    return text


T = TypeVar("T")

LARGEST_COUNT = 1_000_000
LARGEST_SEED = 2**32 - 1
LONGEST_NAME = 100

Positive = Annotated[int, Field(gt=0, le=LARGEST_COUNT, strict=True)]
Count = Annotated[int, Field(ge=0, lt=LARGEST_COUNT, strict=True)]
# a class by number, or in a file by name, which `imprint.study.named_classes` replaces
Class = Annotated[
    Count, WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]})
]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Place = Annotated[str, AfterValidator(_check_place)]
Share = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
# the name of an entry becomes part of names of files, which have at most 255 characters; a reference to a task of a family can be
# longer, by its d
EntryName = Annotated[Name, StringConstraints(max_length=LONGEST_NAME)]
Seeds = Annotated[
    tuple[Seed, ...],
    BeforeValidator(_as_seeds),
    Field(min_length=1, max_length=1000),
    _ListSchema(or_one=False),
    AfterValidator(_distinct_seeds),
]
Kind = Annotated[T, Field(description="Kind of source.")]  # of the key `source`
# a non-empty list; a single value is taken as a list of one
OneOrMore = Annotated[
    tuple[T, ...], BeforeValidator(as_list), Field(min_length=1), _ListSchema(or_one=True)
]

GenName = Annotated[str, one_of(GENERATORS.kind, GENERATORS.names, extensible=True)]
Norm = Annotated[str, Checked(chain, NORMS.names)]
NormOfRows = Annotated[str, Checked(_check_of_rows, partial(NORMS.names, of_rows=True))]
DistanceName = Annotated[str, one_of(DISTANCES.kind, DISTANCES.names, extensible=True)]
AggName = Annotated[str, one_of(AGGREGATIONS.kind, AGGREGATIONS.names, extensible=True)]
Weighting = Annotated[str, Checked(find_weighting, WEIGHTINGS.names)]
ExtraScore = Annotated[str, one_of("score", lambda: EXTRA_SCORES)]
RankBy = Annotated[str, one_of("ranking", lambda: RANK_BY)]
SelectOn = Annotated[str, one_of("part", lambda: SELECT_ON)]
PresetName = Annotated[str, one_of(PRESETS.kind, PRESETS.names)]
FigureName = Annotated[str, one_of(FIGURES.kind, FIGURES.names)]
TableName = Annotated[str, one_of(TABLES.kind, TABLES.names)]
