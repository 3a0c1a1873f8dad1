"""Reads data files into models, or raises one error that lists everything wrong with all of them."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, get_args

import yaml
from pydantic import TypeAdapter, ValidationError

from portal.errors import PortalError
from portal.spec import rules, words
from portal.spec.environment import Environment, LocalEnvironment, Tier
from portal.spec.problems import FileProblem, InvalidDataError, Problem, from_checkout
from portal.spec.problems import Path as FieldPath
from portal.spec.rules.network import routed_ranges_are_apart
from portal.spec.rules.shared import names_are_below_the_zone
from portal.spec.shared import Shared
from portal.spec.types import Spec

Model = TypeVar("Model", bound=Spec)

TIERS: tuple[Tier, ...] = get_args(Tier)


class Environments(Spec):
    """Everything under environments/."""

    tiers: dict[str, Environment]
    local: LocalEnvironment
    shared: Shared


def load_environments(folder: Path) -> Environments:
    """Reads every file of `folder`.

    Raises `InvalidDataError` with the problems of all files, `PortalError` if a file is missing or cannot be read.
    """
    problems: list[FileProblem] = []
    documents = {name: Document.read(folder / f"{name}.yaml") for name in (*TIERS, "local", "shared")}
    tiers: dict[str, Environment] = {}
    for tier in TIERS:
        document = documents[tier]
        environment, found = document.parse(Environment, rules.ENVIRONMENT_RULES)
        if environment is None:
            problems += found
        elif environment.tier != tier:
            wrong = Problem(path=("tier",), value=environment.tier, rule=f"must be {tier}, the name of the file")
            problems.append(document.place(wrong))
        else:
            tiers[tier] = environment
    local, found = documents["local"].parse(LocalEnvironment, rules.LAYER_RULES)
    problems += found
    shared, found = documents["shared"].parse(Shared, rules.SHARED_RULES)
    problems += found
    problems += [documents[tier].place(problem) for tier, problem in routed_ranges_are_apart(tiers)]
    if shared is not None:
        found_names = names_are_below_the_zone(tiers, shared)
        problems += [documents[tier].place(problem) for tier, problem in found_names]
    if problems or local is None or shared is None:
        raise InvalidDataError(problems)
    return Environments(tiers=tiers, local=local, shared=shared)


def load(file: Path, model: type[Model]) -> Model:
    """One data file that has no cross-field rules. Raises like `load_environments`."""
    value, problems = Document.read(file).parse(model, ())
    if value is None:
        raise InvalidDataError(problems)
    return value


class Document:
    """A YAML file with the line of each of its values."""

    def __init__(self, file: str, node: yaml.Node | None) -> None:
        self._file = file
        self._lines: dict[FieldPath, int] = {(): 1}
        self._repeated: list[Problem] = []
        self._open: list[yaml.Node] = []
        self._data = self._read_node(node, ()) if node is not None else None

    @classmethod
    def read(cls, file: Path) -> "Document":
        """Reads `file`. Raises `PortalError` if it is missing or not YAML."""
        name = from_checkout(file)
        try:
            return cls(name, yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
        except FileNotFoundError:
            raise PortalError(
                f"{name} is missing. Every environment needs its file; git restores a deleted one."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise PortalError(f"{name} cannot be read: {error}") from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            reason = getattr(error, "problem", None) or "unreadable text"
            _refuse(name, mark, (), f"is not YAML: {reason}")

    def parse(
        self, model: type[Model], cross_field_rules: tuple[rules.LayerRule, ...]
    ) -> tuple[Model | None, list[FileProblem]]:
        """The model and no problems, or None and all problems that can be seen at once."""
        problems = list(self._repeated)
        value: Any = None
        try:
            value = model.model_validate(self._data)
        except ValidationError as error:
            problems += words.problems(error, model, self._data)
            value = _what_is_valid(model, self._data)
            problems += rules.broken(cross_field_rules, value, partial=True)
        else:
            problems += rules.broken(cross_field_rules, value, partial=False)
        return (None if problems else value), [self.place(problem) for problem in problems]

    def place(self, problem: Problem) -> FileProblem:
        """The problem with its line; a missing field gets the line of what should hold it."""
        path = problem.path
        while path not in self._lines:
            path = path[:-1]
        return FileProblem(file=self._file, line=self._lines[path], problem=problem)

    def _read_node(self, node: yaml.Node, path: FieldPath) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if any(node is above for above in self._open):
            _refuse(self._file, node.start_mark, path, "stands for what it is itself a part of; write its content out")
        if isinstance(node, yaml.ScalarNode):
            return self._read_scalar(node, path)
        self._open.append(node)
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = dict(self._read_pairs(node, path))
        else:
            value = [self._read_node(item, (*path, index)) for index, item in enumerate(node.value)]
        self._open.pop()
        return value

    def _read_pairs(self, node: yaml.MappingNode, path: FieldPath) -> Iterator[tuple[Any, Any]]:
        seen = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                rule = "has a list or fields where a name belongs; quote text that begins with [ or {"
                _refuse(self._file, key_node.start_mark, path, rule)
            key = key_node.value
            place = (*path, key)
            if key in seen:
                self._repeated.append(Problem(path=place, value=key, rule="stands twice; keep one", show_value=False))
            seen.add(key)
            self._lines[place] = key_node.start_mark.line + 1
            yield key, self._read_node(value_node, place)

    def _read_scalar(self, node: yaml.ScalarNode, path: FieldPath) -> Any:
        try:
            return _SCALARS.construct_object(node)
        except (yaml.YAMLError, ValueError):
            rule = f"is not what it looks like ({node.tag.rpartition(':')[2]}); put text in quotes"
            _refuse(self._file, node.start_mark, path, rule, node.value)


_SCALARS = yaml.SafeLoader("")


def _refuse(file: str, mark: yaml.Mark | None, path: FieldPath, rule: str, value: str | None = None) -> NoReturn:
    """Ends the reading of a file that is no tree of values."""
    problem = Problem(path=path, value=value, rule=rule, show_value=value is not None)
    raise InvalidDataError([FileProblem(file=file, line=mark.line + 1 if mark else 1, problem=problem)]) from None


def _what_is_valid(model: type[Spec], data: Any) -> Any:
    """As much of the model as the data gives: rules that need the rest raise AttributeError."""
    if not isinstance(data, dict):
        return None
    valid: dict[str, Any] = {}
    wrong: list[str] = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in data:
            continue
        try:
            valid[name] = _field_adapter(model, name).validate_python(data[key])
        except ValidationError:
            if isinstance(field.annotation, type) and issubclass(field.annotation, Spec):
                valid[name] = _what_is_valid(field.annotation, data[key])
            else:
                wrong.append(name)
    partial = model.model_construct(**valid)
    for name in wrong:
        # A default in its place would break rules that the file does not break.
        partial.__dict__.pop(name, None)
    return partial


@cache
def _field_adapter(model: type[Spec], name: str) -> TypeAdapter[Any]:
    """Validates one field alone, as the model would."""
    field = model.model_fields[name]
    annotation: Any = Annotated[field.annotation, name, *field.metadata]  # Annotated needs at least one item.
    return TypeAdapter(annotation)
