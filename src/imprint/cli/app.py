"""The application, and the decorator that declares a command."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from imprint.cli.options import ALL_OF_FM, GROUPS, SELDOM, load_components
from imprint.cli.output_files import refuse_overwriting
from imprint.cli.tables import note
from imprint.errors import UserError
from imprint.store.version import __version__

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier

log = logging.getLogger("imprint")

EXAMPLES = """\b
Examples:
  imprint fit photos -o birds.safetensors
  imprint evaluate birds.safetensors test-photos
  imprint predict birds.safetensors new-photos -o labels.csv
  imprint explain birds.safetensors photo.jpg -o why.png
  imprint add birds.safetensors photos-of-owls
  imprint export birds.safetensors -o birds.onnx --with-fm
  imprint compare photos
  imprint embed photos -o photos.h5
  imprint show results/scores.parquet
  imprint doctor
  imprint status
  imprint diff before/results after/results

`imprint COMMAND --help` describes a command. Exit codes: 0 done, 1 problems found
(doctor), 2 a mistake in the arguments or the input.
"""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def ignore_missing_columns() -> None:
    """Ignore that files of embeddings have no names of columns, as a head has that was fitted to a frame."""
    warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Print Python warnings as notes, without the line of code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", UserWarning)
        ignore_missing_columns()
        try:
            yield
        finally:  # what a warning says may be why the work failed
            for warning in caught:
                note(str(warning.message))


def note_outdated(head: object, classifier: ImprintingClassifier) -> None:
    """Log a note if the probabilities and rejection limits of a head are outdated."""
    if classifier.familiarity_ is not None and not classifier.is_current:
        from imprint.estimator.rejection import outdated

        log.warning(f"note: {outdated(head)}")


def _print_version(requested: bool) -> None:
    if requested:
        print(f"imprint {__version__}")
        raise typer.Exit


@app.callback(epilog=EXAMPLES, subcommand_metavar="COMMAND ...")
def imprint(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Weight imprinting on frozen foundation models (FMs)."""


def drop_output() -> None:
    """Discard the rest of the output, so that Python does not write it again at exit."""
    with suppress(OSError):  # the output is not a system file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Command(TyperCommand):
    """A command that takes each option once; its help has a section for each `rich_help_panel`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse repeated options, of which only the last would count."""
        words = [word.partition("=")[0] for word in args]
        for option in self.get_params(ctx):
            spellings = [word for word in words if word in option.opts]
            is_flag = getattr(option, "is_flag", False)
            if len(spellings) < 2 or option.param_type_name != "option" or is_flag:
                continue
            if len(set(spellings)) > 1:
                names = " and ".join(dict.fromkeys(spellings))
                raise UserError(f"{names} are two names of one option; give it once")
            raise UserError(
                f"{spellings[0]} is given {len(spellings)} times; give it once, several values as A,B if it takes several"
            )
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of arguments and options; seldom used options of the FM are only named."""
        sections: dict[str, list[tuple[str, str]]] = {}
        parameters = self.get_params(ctx)
        seldom = [p for p in parameters if p.name in SELDOM and self.name != ALL_OF_FM]
        for parameter in parameters:
            if parameter in seldom:
                continue
            record = parameter.get_help_record(ctx)
            default = "Arguments" if parameter.param_type_name == "argument" else "Options"
            if record:
                title = getattr(parameter, "rich_help_panel", None) or default
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)
                if any(getattr(p, "rich_help_panel", None) == title for p in seldom):
                    names = ", ".join(p.opts[-1] for p in seldom)
                    formatter.write_text(f"Also {names}: see imprint {ALL_OF_FM} --help.")


def command(
    examples: str = "", *, in_place: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command with its name; the docstring becomes the help.

    A parameter annotated with a dataclass of `GROUPS` becomes one option per field. The files of `components` are loaded before
    the function runs.

    Parameters
    ----------
    examples : str
        Command lines shown at the end of the help.
    in_place : str, optional
        The parameter whose file `output` may overwrite.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        groups = {name: hint for name, hint in hints.items() if hint in GROUPS}
        parameters = []
        for name, parameter in inspect.signature(function).parameters.items():
            if name in groups:
                parameters += _parameters(groups[name])
            else:
                parameters.append(
                    parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=hints[name])
                )

        @functools.wraps(function)
        def run(**values: Any) -> None:
            components = values.get("components", "")
            for name, group in groups.items():
                values[name] = group(
                    **{field.name: values.pop(field.name) for field in fields(group)}
                )
            refuse_overwriting(values, in_place)
            load_components(components)
            try:
                function(**values)
                sys.stdout.flush()
            except BrokenPipeError:  # the reader of our output has left, as `head` does
                drop_output()

        run.__dict__["__signature__"] = inspect.Signature(parameters)
        epilog = f"\b\nExamples:\n{inspect.cleandoc(examples)}" if examples else None
        app.command(cls=Command, epilog=epilog)(run)
        return function

    return register


def _parameters(group: type) -> list[inspect.Parameter]:
    """One parameter per field of a group of options."""
    types = get_type_hints(group)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[types[field.name], GROUPS[group][field.name]],
        )
        for field in fields(group)
    ]
