"""Parsed source files are kept between runs, and parsed again where the text or the code that parses has changed."""

import pytest

from imprint.study import fingerprint
from imprint.study.parsed_code import FILE, ParsedCode

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

    return lambda: ParsedCode(parse, code), texts, code


def test_what_was_parsed_is_not_parsed_again(parsed):
    new, texts, _ = parsed
    first = new()
    assert first("x = 1") == first("x = 1") == PARSED
    first.keep()
    second = new()
    assert second("x = 1") == PARSED and texts == ["x = 1"]
    second("x = 2")
    second.keep()
    third = new()
    third("x = 1")
    third("x = 2")
    assert texts == ["x = 1", "x = 2"]


def test_other_code_parses_again(parsed):
    new, texts, code = parsed
    first = new()
    first("x")
    first.keep()
    code.write_text("second")
    new()("x")
    assert texts == ["x", "x"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": [1]}', '{"a": null}'])
def test_a_damaged_file_is_as_none(parsed, content):
    new, texts, _ = parsed
    FILE.write_text(content)
    first = new()
    assert first("x") == PARSED and texts == ["x"]
    first.keep()
    new()("x")
    assert texts == ["x"]


def test_nothing_is_written_where_snakemake_has_no_folder(parsed):
    new, _, _ = parsed
    FILE.parent.rmdir()
    first = new()
    first("x")
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
        monkeypatch.setattr(
            fingerprint, "PARSED", ParsedCode(fingerprint.parse, fingerprint.__file__)
        )
        return fingerprint.fingerprint(script)

    first = fresh()
    fingerprint.PARSED.keep()
    assert FILE.exists()
    monkeypatch.setattr(fingerprint, "parse", None)
    assert fresh() == first
