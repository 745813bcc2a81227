"""Whether arguments are as a JSON schema wants them; it knows nothing of tools.

The keywords that the prompt format has words for are checked: type, enum, required, properties, additionalProperties, items
and oneOf. What else a schema says is left to the tool, which has to look at its arguments anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def mismatch(schema: Mapping[str, Any], value: object, name: str = "") -> str | None:
    """What is wrong with `value`, in words; None when nothing is. `name` is the path to it."""
    what = f"'{name}'" if name else "the arguments"
    if isinstance(variants := schema.get("oneOf"), list):
        if any(isinstance(variant, Mapping) and mismatch(variant, value, name) is None for variant in variants):
            return None
        return f"{what} must be one of {len(variants)} forms"
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    if schema.get("nullable") is True and value is None:
        return None
    if kinds and not any(_is_a(kind, value) for kind in kinds):
        return f"{what} must be {' or '.join(map(str, kinds))}"
    if isinstance(values := schema.get("enum"), list) and value not in values:
        return f"{what} must be one of {', '.join(map(str, values))}"
    if isinstance(value, dict):
        return _in_object(schema, value, name)
    if isinstance(value, list) and isinstance(items := schema.get("items"), Mapping):
        found = (mismatch(items, item, f"{name}[{at}]") for at, item in enumerate(value))
        return next((wrong for wrong in found if wrong is not None), None)
    return None


def _is_a(kind: object, value: object) -> bool:
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    if isinstance(value, bool) and kind != "boolean":
        return False
    return not isinstance(kind, str) or kind not in _TYPES or isinstance(value, _TYPES[kind])


def _in_object(schema: Mapping[str, Any], value: dict[str, Any], name: str) -> str | None:
    prefix = f"{name}." if name else ""
    required = schema.get("required")
    for wanted in required if isinstance(required, list) else ():
        if wanted not in value:
            return f"'{prefix}{wanted}' is missing"
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    for key, item in value.items():
        if isinstance(inner := properties.get(key), Mapping):
            if (wrong := mismatch(inner, item, prefix + key)) is not None:
                return wrong
        elif key not in properties and schema.get("additionalProperties") is False:
            return f"there is no argument '{prefix}{key}'"
    return None
