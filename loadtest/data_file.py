"""Reads the YAML that people write for a load test, and says all that is wrong with a file at once."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

Place = tuple[str | int, ...]
"""Keys and list indexes from the top of a file to a value."""
M = TypeVar("M", bound=BaseModel)


class BrokenFile(ValueError):
    """One that cannot be used; its text names file, line, field, value and rule."""


def read(file: Path, model: type[M]) -> M:
    try:
        text = file.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data: Any = yaml.safe_load(text)
    except OSError as error:
        raise BrokenFile(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BrokenFile(f"{file} is not text: byte {error.start} is not UTF-8; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise BrokenFile(f"{file} is not YAML: {_told(error)}") from error
    lines: dict[Place, int] = {}
    problems = list(_twice(node, (), lines))
    try:
        found = model.model_validate({} if data is None else data)
    except ValidationError as error:
        schema = model.model_json_schema()
        problems += [_problem(each, lines, schema) for each in _causes(error)]
    else:
        if not problems:
            return found
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    told = [f"  line {line:<4} {what}" for line, what in sorted(problems)]
    raise BrokenFile("\n".join([f"{file} is not valid ({count}):", *told, "Nothing was sent."]))


def _twice(node: yaml.Node | None, place: Place, lines: dict[Place, int]) -> Iterator[tuple[int, str]]:
    """Keys that stand twice, of which YAML keeps the last without a word. Notes where every value stands."""
    if node is None:
        return
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, each in enumerate(node.value):
            yield from _twice(each, (*place, index), lines)
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in first:
                yield line, f"{_named((*place, key.value))}   stands in line {first[key.value]} already; take one out"
            first.setdefault(key.value, line)
            lines[(*place, key.value)] = line
            yield from _twice(value, (*place, key.value), lines)


def _causes(error: ValidationError) -> list[Mapping[str, Any]]:
    """Without those that come of others: a list is too short where none of its items is valid."""
    found: list[Mapping[str, Any]] = list(error.errors(include_url=False))
    places = [each["loc"] for each in found]

    def comes_of_others(place: Place) -> bool:
        return any(other[: len(place)] == place != other for other in places)

    return [each for each in found if each["type"] != "too_short" or not comes_of_others(each["loc"])]


def _problem(error: Mapping[str, Any], lines: Mapping[Place, int], schema: Mapping[str, Any]) -> tuple[int, str]:
    place: Place = error["loc"]
    within = next(place[:end] for end in range(len(place), -1, -1) if place[:end] in lines or not end)
    # A mapping as a whole is where its rule is about, and too long to be shown.
    value = (
        "" if error["type"] == "missing" or isinstance(error["input"], dict | list) else f" = {_short(error['input'])}"
    )
    return lines.get(within, 1), f"{_named(place)}{value}   {_rule(error, schema)}"


def _rule(error: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = _keys(schema, error["loc"][:-1])
            near = get_close_matches(str(error["loc"][-1]), known, n=1)
            return f"is not known; did you mean {near[0]}?" if near else f"is not known; there are {', '.join(known)}"
        case "tuple_type":
            return "must be a list"
        case "model_type" | "model_attributes_type" | "dict_type" | "dataclass_type":
            return "must be a mapping of keys to values"
    said: str = error["msg"]
    return (
        said.removeprefix("Value error, ")
        .replace("Input should", "must")
        .replace("Tuple should", "must")
        .replace(" after validation", "")
    )


def _keys(schema: Mapping[str, Any], place: Place) -> list[str]:
    """Which keys may stand there, by a JSON Schema."""

    def resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
        for each in part.get("anyOf", ()):
            if each.get("type") != "null":
                return resolved(each)
        name = part.get("$ref", "").rpartition("/")[2]
        return schema["$defs"][name] if name else part

    part = resolved(schema)
    for step in place:
        part = resolved(
            part["items"]
            if isinstance(step, int)
            else part.get("properties", {}).get(step) or part["additionalProperties"]
        )
    return sorted(part.get("properties", {}))


def _named(place: Place) -> str:
    return ".".join(map(str, place)) or "(the file)"


def _short(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
    return text if len(text) < 60 else f"{text[:57]}..."


def _told(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())
