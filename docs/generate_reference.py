"""MkDocs hook: fills in the pages of the reference that are generated when the site is built.

A page asks for its text by a comment, such as `<!-- generated: configuration -->`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.main import get_command

from imprint.cli import application

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.json"
MARKER = re.compile(r"<!-- generated: (\w+) -->")
Schema = dict[str, Any]


def configuration() -> str:
    """A table of keys for every section of a study."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    models = schema["$defs"]
    sections = [_section("The study", schema)]
    for name in _reading_order(schema, models):
        sections.append(_section(_title(name), models[name]))
    return "\n\n".join(sections)


def _reading_order(schema: Schema, models: dict[str, Schema]) -> list[str]:
    """Names of models as they are first referred to, from the top of a study down."""
    order: list[str] = []

    def visit(node: Any) -> None:
        if isinstance(node, list):
            for entry in node:
                visit(entry)
        elif isinstance(node, dict):
            reference = node.get("$ref", "").rpartition("/")[2]
            if reference in models and reference not in order and "properties" in models[reference]:
                order.append(reference)
                visit(models[reference])
            for key, value in node.items():
                if key not in ("discriminator", "$defs"):
                    visit(value)

    visit(schema["properties"])
    return order


def _title(model: str) -> str:
    """`ImageFolderDataset` as `Image folder dataset`."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|\d+", model)
    return " ".join([words[0], *(word if word.isupper() else word.lower() for word in words[1:])])


def _section(title: str, model: Schema) -> str:
    rows = ["| key | value | default | |", "|---|---|---|---|"]
    required = model.get("required", [])
    for key, entry in model["properties"].items():
        default = "required" if key in required else f"`{json.dumps(entry.get('default'))}`"
        if default == "`null`" or "default" not in entry:
            default = "required" if key in required else ""
        text = " ".join(entry.get("description", "").split())
        rows.append(f"| `{key}` | {_type(entry)} | {default} | {_cell(text)} |")
    description = " ".join(model.get("description", "").split())
    return "\n".join([f"## {title}", "", description, "", *rows])


def _type(entry: Schema) -> str:
    """The values that a key takes, in words."""
    if "$ref" in entry:
        name = entry["$ref"].rpartition("/")[2]
        return f"[{_title(name)}](#{_title(name).lower().replace(' ', '-')})"
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if "oneOf" in entry or "anyOf" in entry:
        choices = [_type(choice) for choice in entry.get("oneOf", entry.get("anyOf"))]
        unique = dict.fromkeys(choice for choice in choices if choice != "nothing")
        listed = [choice for choice in unique if f"list of {choice}" not in unique]
        return " or ".join(listed)
    if entry.get("type") == "array":
        if "prefixItems" in entry:
            return f"list of {len(entry['prefixItems'])}: {_type(entry['prefixItems'][0])}"
        return f"list of {_type(entry.get('items', {}))}"
    if entry.get("type") == "object":
        patterns = list(entry.get("patternProperties", {}).values())
        values = patterns[0] if patterns else entry.get("additionalProperties")
        return f"mapping from names to {_type(values)}" if isinstance(values, dict) else "mapping"
    names = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "`true`, `false`",
        "null": "nothing",
    }
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    if entry.get("minimum", 0) > entry.get("exclusiveMinimum", 0):  # "at least 2" says "positive"
        del signs["exclusiveMinimum"]
    bounds = [f"{sign} {entry[bound]:,}" for bound, sign in signs.items() if bound in entry]
    return " ".join([names.get(entry.get("type", ""), "any value"), " and ".join(bounds)]).rstrip()


def _cell(text: str) -> str:
    """Text for one cell of a table; placeholders in angle brackets are no HTML. Code, between backticks, is shown as it is."""
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("${", "&#36;{") for part in parts[::2]]
    return "`".join(parts)


def commands() -> str:
    """The help of every command."""
    names = get_command(application()).commands
    return "\n\n".join(f"## imprint {name}\n\n```text\n{_help(name)}\n```" for name in names)


def _help(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "imprint", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    return done.stdout.strip()


GENERATED: dict[str, Callable[[], str]] = {"configuration": configuration, "commands": commands}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for each page."""
    return MARKER.sub(lambda match: GENERATED[match[1]](), markdown)
