"""What pydantic finds wrong, in the words of whoever writes the file: what has to stand there, and the way out."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from portal.spec.problems import Path, Problem, did_you_mean
from portal.spec.types import Spec

Node = Mapping[str, Any]
"""Of a JSON Schema."""

LISTED = 12
"""So many known names are all named in a message; of more, only the nearest."""

FORMS = {
    "string_type": "text",
    "int_type": "a whole number, without unit or quotes",
    "float_type": "a number, without unit or quotes",
    "bool_type": "true or false, without quotes",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "fields (name: value)",
    "model_type": "fields (name: value)",
    "model_attributes_type": "fields (name: value)",
}
"""What each kind of value is called, by the error that says that it is not one."""

LIMITS = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} entries, not {actual_length}",
    "too_long": "must have at most {max_length} entries",
    "string_too_short": "must have at least {min_length} characters",
    "value_error": "{error}",
}
"""Rules that need nothing but the error's own context."""


def problems(error: ValidationError, model: type[Spec], data: Any) -> Iterator[Problem]:
    """The problems of `data`, which are no valid `model`, by paths that are in the file."""
    schema = model.model_json_schema()
    for found in error.errors(include_url=False):
        yield _problem(found, schema, data)


def _problem(found: Any, schema: Node, data: Any) -> Problem:
    kind, value, context = found["type"], found["input"], found.get("ctx", {})
    path = _path_in(data, found["loc"])
    show_value = found["loc"][-1:] != ("[key]",)
    match kind:
        case "missing":
            path, show_value, rule = (*path, found["loc"][-1]), False, "is missing"
        case "extra_forbidden":
            show_value, rule = False, _no_field(str(path[-1]), _fields(schema, path[:-1]))
        case "union_tag_not_found":
            path, show_value, rule = (*path, context["discriminator"].strip("'")), False, "is missing"
        case "union_tag_invalid":
            tag = context["discriminator"].strip("'")
            path, value = (*path, tag), value[tag]
            rule = _choice(value, context["expected_tags"])
        case "literal_error":
            rule = _choice(value, context["expected"])
        case "string_pattern_mismatch":
            example = _example(schema, path)
            rule = f"must look like {example}" if example else f"must match {context['pattern']}"
        case _ if kind in FORMS:
            show_value, rule = value is not None, _form(kind, value)
        case _ if kind in LIMITS:
            rule = LIMITS[kind].format_map(context)
        case _:
            rule = found["msg"].replace("Input should", "must")
    return Problem(path=path, value=value, rule=rule, show_value=show_value)


def _path_in(data: Any, location: Iterable[str | int]) -> Path:
    """Without what is not in the file: the branch of a union, or pydantic's word for a key."""
    path: Path = ()
    for part in location:
        below = data if isinstance(data, dict) else dict(enumerate(data)) if isinstance(data, list) else {}
        if part in below:
            path, data = (*path, part), below[part]
    return path


def _form(kind: str, value: Any) -> str:
    rule = f"must be {FORMS[kind]}"
    if value is None:
        return f"is empty; {rule}"
    return f"{rule}: put it in quotes" if kind == "string_type" and not isinstance(value, dict | list) else rule


def _choice(value: Any, expected: str) -> str:
    """`expected`: as pydantic lists them, `'a', 'b' or 'c'`."""
    quoted = re.split(", | or ", expected)
    names = [name.strip("'") for name in quoted]
    near = did_you_mean(value, names)
    if len(names) > LISTED:
        return f"is none of the {len(names)} known names{near or '; the schema in docs/ lists them'}"
    rule = f"must be {' or '.join(filter(None, (', '.join(quoted[:-1]), quoted[-1])))}"
    if str(value) in names:
        return f"{rule}: {'put it in quotes' if isinstance(value, int) else 'leave the quotes out'}"
    return rule + near


def _no_field(name: str, fields: Sequence[str]) -> str:
    return "is not a known field" + (did_you_mean(name, fields) or f"; known here: {', '.join(fields)}")


def _fields(schema: Node, path: Path) -> list[str]:
    return [name for node in _nodes(schema, schema, path) for name in node.get("properties", {})]


def _example(schema: Node, path: Path) -> str | None:
    return next((node["examples"][0] for node in _nodes(schema, schema, path) if "examples" in node), None)


def _nodes(schema: Node, node: Any, path: Path) -> Iterator[Node]:
    """What a JSON Schema says of the value at `path`: more than one node where there are alternatives."""
    if not isinstance(node, Mapping):
        return
    if reference := node.get("$ref"):
        yield from _nodes(schema, schema["$defs"][reference.rpartition("/")[2]], path)
        return
    if not path:
        yield node
    for branch in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _nodes(schema, branch, path)
    if path:
        below = "items" if isinstance(path[0], int) else "additionalProperties"
        yield from _nodes(schema, node.get("properties", {}).get(path[0], node.get(below)), path[1:])
