"""A JSON Schema of definitions as text, with which editors complete and check what is written."""

from __future__ import annotations

from typing import Final

from saga.authoring.text.words import (
    ANY_OF_WORDS,
    AT_LEAST_WORDS,
    DEFINITION_WORDS,
    KINDS,
    RETRY_WORDS,
    Words,
)
from saga.core.definition.json_value import Json

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
"""The draft that editors know best."""


def editor_schema() -> Json:
    """Returns the schema. Only the reader knows everything: names of steps, conditions, and the contracts of services."""
    kinds = {f"a_{kind}": _object(words) for kind, words in KINDS.items()}
    parts = {"retry": RETRY_WORDS, "any_of": ANY_OF_WORDS, "at_least": AT_LEAST_WORDS}
    return {
        "$schema": DRAFT,
        "title": "A definition of Saga",
        **_object(DEFINITION_WORDS),
        "$defs": {
            "step": {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in kinds]},
            **kinds,
            **{name: _object(words) for name, words in parts.items()},
        },
    }


def _object(words: Words) -> dict[str, Json]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, word in words.items() if word.is_required],
        "properties": {name: {**word.form.schema, "description": word.meaning} for name, word in words.items()},
    }
