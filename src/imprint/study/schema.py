"""The JSON schema of a study, for editors: `python -m imprint.study.schema` prints it."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from imprint.study.config.study import StudyConfig


class _Untitled(GenerateJsonSchema):
    """Keys have no titles: pydantic would make them from their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False


def schema() -> dict[str, Any]:
    """JSON schema of config.yaml; a single value is accepted in place of a list of one."""
    keys = _one_or_list(StudyConfig.model_json_schema(schema_generator=_Untitled))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "IMPRINT study",
        **keys,
    }


def _one_or_list(node: Any) -> Any:
    """Lists of at least one entry and without a maximum also accept the entry alone, as the models do."""
    if isinstance(node, list):
        return [_one_or_list(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    node = {key: _one_or_list(value) for key, value in node.items()}
    if node.get("type") != "array":
        return node
    # pydantic writes minLength and maxLength for a list that has a validator before its limits
    for key, text_key in (("minItems", "minLength"), ("maxItems", "maxLength")):
        if text_key in node:
            node[key] = node.pop(text_key)
    if node.get("minItems") == 1 and "maxItems" not in node:
        annotations = {
            key: node.pop(key) for key in ("description", "default", "title") if key in node
        }
        return {**annotations, "anyOf": [node, node["items"]]}
    return node


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1, ensure_ascii=False))
