"""The documentation has every public name, every test file and every key, and its links lead somewhere."""

import importlib
import json
import re
import sys
from pathlib import Path

import griffe
import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
ROOMS = sorted(path.parent.name for path in (ROOT / "src/imprint").glob("*/__init__.py"))
SHARED = ("errors", "extras", "registry", "formatting", "devices")


@pytest.fixture(scope="module")
def library():
    return griffe.load("imprint", search_paths=[ROOT / "src"])


@pytest.fixture(scope="module")
def house():
    """The module that draws the house."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        import draw_house

        yield draw_house
    sys.modules.pop("draw_house")


def public_names(member):
    """A module, class or function and all in it without a leading underscore, magic methods aside."""
    yield member
    for name, inner in member.members.items():
        if not name.startswith("_") and not inner.is_alias and not inner.is_attribute:
            yield from public_names(inner)


@pytest.mark.parametrize("room", [*ROOMS, *SHARED])
def test_every_public_name_has_a_docstring(library, room):
    missing = [member.path for member in public_names(library[room]) if not member.docstring]
    assert not missing


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_exports_has_a_docstring(library, room):
    """`__all__` may name what other modules define."""
    for module in [library[room], *library[room].modules.values()]:
        for name in module.exports or ():
            member = module[str(name)]
            member = member.final_target if member.is_alias else member
            assert member.docstring or member.is_attribute, member.path


def test_every_room_has_a_page():
    documented = {
        name
        for page in (DOCS / "reference" / "api").glob("*.md")
        for name in re.findall(r"^::: imprint\.(\w+)$", page.read_text(), flags=re.MULTILINE)
    }
    assert documented == {*ROOMS, *SHARED}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_to_files(page):
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?://|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page):
    names = re.findall(
        r"`((?:src|tests|workflow|config|envs|profiles|docs|benchmarks)/[\w./-]*\w/?)`",
        page.read_text(encoding="utf-8"),
    )
    missing = [name for name in names if "NAME" not in name and not (ROOT / name).exists()]
    assert not missing


def test_every_test_file_is_listed():
    listed = re.findall(
        r"^\| `(tests/\S+\.py)` \|", (DOCS / "contributing/tests.md").read_text(), re.M
    )
    present = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(listed) == sorted(present)


def test_every_benchmark_is_listed():
    table = (DOCS / "contributing/tests.md").read_text().partition("## Benchmarks")[2]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, flags=re.M)))
    programs = [
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if '__name__ == "__main__"' in path.read_text()
    ]
    assert sorted(listed) == sorted(programs)


def commands_of_benchmarks():
    """The options that README, docs and the benchmarks themselves give each benchmark."""
    options = {}
    for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "benchmarks").glob("*.py")]:
        for name, rest in re.findall(
            r"python -m benchmarks\.([a-z_]+)((?: +[^\s`]+)*)", path.read_text()
        ):
            options.setdefault(name, set()).update(re.findall(r"--[\w-]+", rest))
    return sorted(options.items())


COMMANDS = commands_of_benchmarks()


@pytest.mark.parametrize(("name", "options"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_benchmarks_take_the_options_that_texts_give_them(name, options, monkeypatch, capsys):
    program = importlib.import_module(f"benchmarks.{name}")
    if not options:
        assert callable(program.main)
        return
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit):
        program.main()
    listed = capsys.readouterr().out.partition("options:")[2]
    assert options <= set(re.findall(r"--[\w-]+", listed))


def test_the_picture_of_the_house_shows_the_imports(house):
    """Run `python docs/draw_house.py` after a new import between rooms."""
    drawn = re.findall(r'<g id="(\w+)-(\w+)">', house.FILE.read_text(encoding="utf-8"))
    arrows = {pair for pair in drawn if set(pair) <= set(house.ROOMS)}
    assert arrows == set(house.arrows())
    assert sorted(house.ROOMS) == ROOMS


def test_the_picture_of_the_framework_is_what_its_command_draws(monkeypatch, tmp_path):
    """Run `python docs/draw_framework.py` after an edit to it."""
    monkeypatch.syspath_prepend(DOCS)
    import draw_framework

    draw_framework.write(tmp_path / "drawn.svg")

    def words(path):
        return re.findall(r">([^<\n]+)</(?:text|tspan)>", path.read_text(encoding="utf-8"))

    assert "NORMpre" in words(draw_framework.FILE)
    assert words(draw_framework.FILE) == words(tmp_path / "drawn.svg")


def test_the_reference_describes_every_key(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import generate_reference

    page = generate_reference.configuration()
    schema = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    for model in (schema, *schema["$defs"].values()):
        for key in model.get("properties", {}):
            assert f"| `{key}` |" in page
    # a link to a section leads to one
    sections = {title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", page, re.M)}
    assert set(re.findall(r"\(#([\w-]+)\)", page)) <= sections


def test_the_reference_shows_placeholders_and_bounds_as_they_are_meant(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import generate_reference
    from markdown import markdown

    page = markdown(generate_reference.configuration(), extensions=["tables"])
    assert "<code>&lt;name&gt;-d&lt;d&gt;</code>" in page
    assert "&amp;lt;" not in page
    assert "<td>whole number ≥ 2 and ≤ 1,000,000</td>" in page


def test_the_site_needs_no_other_server():
    settings = (ROOT / "mkdocs.yml").read_text()
    assert "font: false" in settings
    assert "use_directory_urls: false" in settings
    assert "extra_javascript" not in settings
    assert "extra_css" not in settings


def test_a_page_that_loads_from_another_server_is_found(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    from finish_pages import loaded_from_elsewhere

    page = (
        '<link rel="stylesheet" href="../style.css"><link rel="canonical" href="https://a.org">'
        '<script src="../code.js"></script><a href="https://b.org">b</a>'
    )
    assert loaded_from_elsewhere(page) == []
    fonts = '<link href="//c.org/font.css" rel="preload stylesheet">'
    script = '<script src="https://d.org/MathJax.js"></script>'
    assert loaded_from_elsewhere(page + fonts + script) == [
        "//c.org/font.css",
        "https://d.org/MathJax.js",
    ]
