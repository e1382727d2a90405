"""The mark of values that people must not see."""

from __future__ import annotations

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from saga.core.definition.schema import SENSITIVE


class Sensitive:
    """Marks what people must not see: `card: Annotated[str, saga.Sensitive]`.

    Processes read and write the value as before; commands, pages and the API show what it is instead, such as `text, 16 characters`.
    The mark is part of the JSON Schema that is published with the type, as `"x-saga-sensitive": true`. It may stand at a field, an
    entry of a list, or a whole type.
    """

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Marks the JSON Schema of the type."""
        return {**handler(schema), SENSITIVE: True}
