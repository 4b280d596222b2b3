"""The names that experiments may not have."""

import re
from pathlib import Path

from imprint.study.checks.experiments import RULES

ROOT = Path(__file__).parents[2]


def test_they_are_those_of_the_workflow():
    files = [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    texts = [file.read_text(encoding="utf-8") for file in files]
    named = {
        name
        for text in texts
        for name in re.findall(r"^(?:use )?rule (?:\w+ as )?(\w+)", text, re.M)
    }
    assert named == set(RULES.split())
