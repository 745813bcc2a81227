"""JSON schemas of tool arguments as the TypeScript-like types that gpt-oss was trained on; knows nothing of tokens.

The layout is that of openai-harmony, odd corners included: the model has seen no other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gptoss_chat.harmony.messages import FunctionTool

Schema = Mapping[str, Any]

_SIMPLE = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean"}


def tools_section(tools: Sequence[FunctionTool]) -> str:
    """The `# Tools` section of a developer message: every tool as a type in the namespace `functions`."""
    lines = ["# Tools\n", "## functions\n", "namespace functions {\n"]
    for tool in tools:
        lines += [f"// {line}" for line in _lines(tool.description)]
        argument = "" if tool.parameters is None else f"_: {type_of(tool.parameters)}"
        lines.append(f"type {tool.name} = ({argument}) => any;\n")
    return "\n".join([*lines, "} // namespace functions"])


def type_of(schema: Schema, indent: str = "") -> str:
    """The TypeScript-like type of a JSON schema; `any` for what the format has no words for."""
    if isinstance(variants := schema.get("oneOf"), list):
        return "".join(f"\n{indent} | {_variant(variant, indent, enum_quoted=True)}" for variant in variants)
    match schema.get("type"):
        case list(kinds) if names := [_number(kind) for kind in kinds if isinstance(kind, str)]:
            return " | ".join(names)
        case "object":
            return _object(schema, indent)
        case "array":
            items = schema.get("items")
            return "Array<any>" if items is None else f"{type_of(items, indent)}[]"
        case "string" if values := [f'"{value}"' for value in _list(schema, "enum") if isinstance(value, str)]:
            return " | ".join(values)
        case str(kind):
            return _SIMPLE.get(kind, "any")
    return "any"


def _object(schema: Schema, indent: str) -> str:
    about = f"{indent}// {schema['description']}\n" if isinstance(schema.get("description"), str) else ""
    properties = schema.get("properties")
    required = _list(schema, "required")
    body = ""
    if isinstance(properties, Mapping):
        for name, value in properties.items():
            body += _property(name if name in required else f"{name}?", value, indent)
    return f"{about}{{\n{body}{indent}}}"


def _property(label: str, schema: Schema, indent: str) -> str:
    """One property with the comments above it; `label` is its name, with a question mark when it is optional."""
    variants = schema.get("oneOf")
    comments: list[str] = []
    if isinstance(title := schema.get("title"), str):
        comments += [f"// {title}", "//"]
    if variants is None and isinstance(text := schema.get("description"), str):
        comments.append(f"// {text}")
    if examples := _list(schema, "examples"):
        comments.append("// Examples:")
        comments += [f'// - "{example}"' for example in examples if isinstance(example, str)]
    if isinstance(variants, list):
        return _lines_of(comments, indent) + _one_of_property(label, schema, variants, indent)
    kind = _nullable(type_of(schema, indent + "    "), schema)
    default = f" // {_default(schema)}" if variants is None and "default" in schema else ""
    return _lines_of([*comments, f"{label}: {kind},{default}"], indent)


def _one_of_property(label: str, schema: Schema, variants: Sequence[Schema], indent: str) -> str:
    """A property that is one of several types: a line for each, described once."""
    about = schema.get("description") if isinstance(schema.get("description"), str) else None
    is_first_variants = bool(variants) and about is not None and variants[0].get("description") == about
    lines = [f"// {about}"] if about is not None and not is_first_variants else []
    is_described = bool(lines)
    if "default" in schema:
        lines.append(f"// {_default(schema)}")
    lines.append(f"{label}:")
    for number, variant in enumerate(variants):
        hidden = is_described and number == 0
        lines.append(f" | {_variant(variant, indent, said=variant.get('description') if hidden else about)}")
    return _lines_of([*lines, ","], indent)


def _variant(variant: Schema, indent: str, *, said: str | None = None, enum_quoted: bool = False) -> str:
    """A variant's type and, behind it, its description (unless already `said`) and default."""
    comments = []
    if isinstance(text := variant.get("description"), str) and text != said:
        comments.append(text)
    if "default" in variant:
        comments.append(_default(variant, enum_quoted=enum_quoted))
    kind = _nullable(type_of(variant, indent + "   "), variant)
    return f"{kind} // {' '.join(comments)}" if comments else kind


def _default(schema: Schema, *, enum_quoted: bool = False) -> str:
    """`default: value`; a string is quoted, except the value of an enumeration."""
    value = schema["default"]
    if not isinstance(value, str):
        return f"default: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
    return f'default: "{value}"' if enum_quoted or not _list(schema, "enum") else f"default: {value}"


def _nullable(kind: str, schema: Schema) -> str:
    return f"{kind} | null" if schema.get("nullable") is True and "null" not in kind else kind


def _number(kind: str) -> str:
    return "number" if kind == "integer" else kind


def _list(schema: Schema, key: str) -> list[Any]:
    value = schema.get(key)
    return value if isinstance(value, list) else []


def _lines(text: str) -> list[str]:
    """The lines of a text, cut at line feeds only; the last one may end without."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _lines_of(lines: Sequence[str], indent: str) -> str:
    return "".join(f"{indent}{line}\n" for line in lines)
