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
    keys = StudyConfig.model_json_schema(schema_generator=_Untitled)
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": "IMPRINT study", **keys}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1, ensure_ascii=False))
