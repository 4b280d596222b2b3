"""Rules of the house that no linter knows, checked on the syntax trees."""

import ast
import re
from pathlib import Path

import pytest

from imprint.data.sources import SOURCES
from imprint.fm.registry import FM_SOURCES
from imprint.method.distances import DISTANCES
from imprint.method.generate import GENERATORS
from imprint.method.normalize import NORMS
from imprint.method.weightings import WEIGHTINGS
from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "src").rglob("*.py"))
WORKFLOW = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
SCRIPTS = sorted((ROOT / "workflow").rglob("*.py"))

REGISTRIES = (GENERATORS, NORMS, DISTANCES, WEIGHTINGS, SOURCES, FM_SOURCES, FIGURES, TABLES)
NAMES = {name for registry in REGISTRIES for name in registry}
# words that mean other things too: values of K, a device, a fit of images, a suffix, names of columns
OTHER_MEANINGS = {"all", "auto", "center", "csv", "gen", "norm", "agg"}


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_object_is_named_by_its_address(path):
    """`id()` as a key: another object may have the number once the first is gone."""
    calls = [
        node.lineno
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "id"
    ]
    assert not calls, f"id() in lines {calls}"


def compared_texts(tree):
    """(line, text) of every text constant that something is compared with, or matched against."""
    for node in ast.walk(tree):
        sides = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            sides = [node.value]
        for side in sides:
            constants = side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
            for constant in constants:
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    yield node.lineno, constant.value


def registers(path, name):
    """Whether a component of this name is defined in this file."""
    for registry in REGISTRIES:
        entry = registry.get(name)
        functions = [
            getattr(entry, key, None)
            for key in ("make", "rows", "proxies", "rank", "function", "draw")
        ]
        for thing in (entry, *functions):
            module = getattr(thing, "__module__", "") or ""
            if module.startswith("imprint.") and path == ROOT / "src" / Path(
                *module.split(".")
            ).with_suffix(".py"):
                return True
    return False


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_component_is_recognised_by_its_name(path):
    """What other code needs to know of a component is a property of its registry entry."""
    compared = [
        (line, text)
        for line, text in compared_texts(parsed(path))
        if text in NAMES - OTHER_MEANINGS and not registers(path, text)
    ]
    assert not compared, f"compared with names of components: {compared}"


def test_names_of_components_are_seen():
    """The check above sees what it is for."""
    tree = ast.parse("if gen == 'ls' or gen in ('mean', 'x'):\n    pass")
    assert [text for _, text in compared_texts(tree) if text in NAMES] == ["ls", "mean"]


PRIVATE = re.compile(r"\b(?:workflow|dag|job|scheduler|snakemake|persistence)(?:\.\w+)*\._\w+")
# of the object `workflow`, which Snakefiles have, the documentation knows these
DOCUMENTED = {"basedir", "cores", "source_path", "snakefile", "default_target"}


@pytest.mark.parametrize(
    "path", [*WORKFLOW, *SCRIPTS], ids=lambda path: str(path.relative_to(ROOT))
)
def test_only_documented_parts_of_snakemake_are_used(path):
    text = path.read_text(encoding="utf-8")
    assert not PRIVATE.findall(text)
    used = set(re.findall(r"\bworkflow\.(\w+)", text)) - {"smk", "rst"}
    assert used <= DOCUMENTED, f"workflow.{', workflow.'.join(sorted(used - DOCUMENTED))}"
    assert not re.search(r"^\s*(?:from|import) snakemake(?!\.utils)", text, flags=re.M)


def test_the_library_does_not_import_snakemake():
    importing = [
        path
        for path in MODULES
        if re.search(r"^\s*(?:from|import) snakemake\b", path.read_text(), re.M)
    ]
    assert not importing


EMPTY_WORDS = {"found", "own", "made", "place", "given", "said", "all_of_it"}


def definitions(tree):
    """(line, name) of every function, parameter and variable."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


@pytest.mark.parametrize(
    "path",
    [*MODULES, *SCRIPTS, *sorted((ROOT / "benchmarks").glob("*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_names_say_what_is_held(path):
    empty = [(line, name) for line, name in definitions(parsed(path)) if name in EMPTY_WORDS]
    assert not empty, f"names that say nothing of what they hold: {empty}"


def test_names_of_functions_parameters_and_variables_are_seen():
    code = "def found(own, *, made):\n    for place in own:\n        given = place"
    assert {name for _, name in definitions(ast.parse(code))} == {
        "found",
        "own",
        "made",
        "place",
        "given",
    }
