"""What counts in a source file; files are parsed again where the text or the code that parses has changed."""

import pytest

from imprint.study import fingerprint, parsed_code
from imprint.study.parsed_code import FILE, ParsedCode, parse


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("raise UserError('one')", "raise UserError(f'two {x}')"),
        ("log.info('one')", "log.info('two %s', x)"),
        ("warnings.warn('one')", "warnings.warn('two')"),
        ("", "log.info(x)"),
    ],
)
def test_messages_do_not_count(before, after):
    texts = (f"def f(x):\n    {line}\n    return x\n" for line in (before, after))
    assert len(set(map(parse, texts))) == 1


@pytest.mark.parametrize(
    "after", ["raise StopIteration", "raise UserError(x)", "log = x", "x.warn('one')"]
)
def test_what_a_function_does_counts(after):
    before = parse("def f(x):\n    raise UserError('one')\n")
    assert parse(f"def f(x):\n    {after}\n") != before


def test_an_import_inside_a_function_counts_and_one_for_types_does_not():
    inside = "def f():\n    from imprint.b import x\n"
    assert parse(inside)[1] == ("imprint.b", "imprint.b.x")
    typed = "if TYPE_CHECKING:\n    from imprint.b import x\n"
    assert parse(typed)[1] == ()
    otherwise = f"{typed}else:\n    import imprint.c\n"
    assert parse(otherwise)[1] == ("imprint.c",)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x):\n    log = []\n    log.append(x[0])\n    return log\n", ("x[0]", "-x[1]")),
        ("def report(p):\n    p[:] = 0\ndef f(x):\n    report(x)\n    return x\n", ("    report(x)\n", "")),
        ("def f(x, report):\n    report(x)\n", ("report(x)", "report(-x)")),
        ("import logging\nlog = logging.getLogger()\ndef f(x):\n    log = []\n    log.info(x)\n    return log\n", ("info(x)", "info(-x)")),
        ("import warnings\nwarnings.own(1)\n", ("1", "2")),
        ("async def report(x): pass\nreport(1)\n", ("(1)", "(2)")),
        ("try: pass\nexcept E as log:\n    log.info(1)\n", ("(1)", "(2)")),
        ("match x:\n    case [report]: report(1)\n", ("(1)", "(2)")),
    ],
)  # fmt: skip
def test_a_call_that_is_only_named_like_a_message_counts(before, after):
    assert parse(before) != parse(before.replace(*after))


@pytest.mark.parametrize(
    "start",
    [
        "import logging\nlog = logging.getLogger('a')\n",
        "from imprint.study.jobs.job import log\n",
    ],
)
def test_a_line_of_the_log_does_not_count(start):
    lines = (f"{start}def f(x):\n{line}    return x\n" for line in ("", "    log.info('%s', x)\n"))
    assert len(set(map(parse, lines))) == 1


PARSED = ("digest", ("imprint.a", "imprint.a.b"))


@pytest.fixture
def parsed(tmp_path, monkeypatch):
    """A new `ParsedCode`, as in a new process, and the texts that all of them have parsed."""
    monkeypatch.chdir(tmp_path)
    FILE.parent.mkdir()
    code, texts = tmp_path / "code.py", []
    code.write_text("first")

    def parse(text):
        texts.append(text)
        return PARSED

    monkeypatch.setattr(parsed_code, "parse", parse)
    monkeypatch.setattr(parsed_code, "__file__", str(code))
    return ParsedCode, texts, code


def test_what_was_parsed_is_not_parsed_again(parsed):
    new, texts, _ = parsed
    first = new()
    assert first.get("x = 1") == first.get("x = 1") == PARSED
    first.keep()
    second = new()
    assert second.get("x = 1") == PARSED and texts == ["x = 1"]
    second.get("x = 2")
    second.keep()
    third = new()
    third.get("x = 1")
    third.get("x = 2")
    assert texts == ["x = 1", "x = 2"]


def test_other_code_parses_again(parsed):
    new, texts, code = parsed
    first = new()
    first.get("x")
    first.keep()
    code.write_text("second")
    new().get("x")
    assert texts == ["x", "x"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": [1]}', '{"a": null}'])
def test_a_damaged_file_is_as_none(parsed, content):
    new, texts, _ = parsed
    FILE.write_text(content)
    first = new()
    assert first.get("x") == PARSED and texts == ["x"]
    first.keep()
    new().get("x")
    assert texts == ["x"]


def test_nothing_is_written_where_snakemake_has_no_folder(parsed):
    new, _, _ = parsed
    FILE.parent.rmdir()
    first = new()
    first.get("x")
    first.keep()
    assert not FILE.parent.exists()


def test_fingerprints_are_the_same_with_and_without(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FILE.parent.mkdir()
    script = tmp_path / "script.py"
    script.write_text("from imprint.method.distances import DISTANCES\n")

    def fresh():
        fingerprint.read.cache_clear()
        fingerprint.re_exported_from.cache_clear()
        monkeypatch.setattr(fingerprint, "PARSED", ParsedCode())
        return fingerprint.fingerprint(script)

    first = fresh()
    fingerprint.PARSED.keep()
    assert FILE.exists()
    monkeypatch.setattr(parsed_code, "parse", None)
    assert fresh() == first
