"""Programs that benchmarks hold as text and start in processes of their own."""

import ast
import builtins
import symtable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def embedded_programs():
    """(file and name, text) of the constants of benchmarks that are Python programs."""
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                text = node.value.value
                if isinstance(text, str) and ("\nimport " in text or "\nfrom " in text):
                    yield f"{path.stem}.{ast.unparse(node.targets[0])}", text


def unbound_names(text):
    """Names that a program uses, and neither defines nor imports."""
    module = symtable.symtable(text, "program", "exec")
    bound = {s.get_name() for s in module.get_symbols() if s.is_assigned() or s.is_imported()}
    used, tables = set(), [module]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used |= {
            s.get_name()
            for s in table.get_symbols()
            if s.is_referenced() and (s.is_global() or table is module)
        }
    return used - bound - set(dir(builtins))


PROGRAMS = dict(embedded_programs())


@pytest.mark.parametrize("name", PROGRAMS)
def test_embedded_programs_define_or_import_every_name_they_use(name):
    assert unbound_names(PROGRAMS[name]) == set()


def test_unbound_names_are_seen():
    assert len(PROGRAMS) >= 6
    text = "import sys\ndef read(path):\n    return json.loads(path)\nprint(read(sys.argv[1]))"
    assert unbound_names(text) == {"json"}
