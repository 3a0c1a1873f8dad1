"""A catalog like a company's: the same seed gives the same entities, in a shape that queries can tell apart.

People, teams, systems and APIs in about the proportions of a portal of some hundred engineers; half are components.
"""

import random
from typing import Any, Final

TEMPLATE: Final = "load-test"

LANGUAGES: Final = ("go", "java", "kotlin", "python", "rust", "typescript")
LIFECYCLES: Final = ("production", "production", "production", "experimental", "deprecated")
TYPES: Final = ("service", "service", "service", "library", "website")

Entity = dict[str, Any]


def entities(count: int, *, seed: int = 1) -> list[Entity]:
    """`count` entities that refer to each other, and to nothing else; at least 100."""
    if count < 100:
        raise ValueError(f"a catalog of {count} entities is none: at least 100")
    chosen = random.Random(seed)
    teams = [f"team-{n:03}" for n in range(max(3, count // 50))]
    systems = [f"system-{n:03}" for n in range(max(3, count // 25))]
    domains = [f"domain-{n:02}" for n in range(max(2, count // 150))]
    made: list[Entity] = [template()]
    made += [entity("Group", name, {"type": "team", "children": []}) for name in teams]
    made += [
        entity("User", f"user-{n:04}", {"memberOf": [chosen.choice(teams)], "profile": {"displayName": f"User {n}"}})
        for n in range(count // 5)
    ]
    made += [entity("Domain", name, {"owner": chosen.choice(teams)}) for name in domains]
    made += [
        entity("System", name, {"owner": chosen.choice(teams), "domain": chosen.choice(domains)}) for name in systems
    ]
    apis = [f"api-{n:04}" for n in range(count // 8)]
    made += [api(name, owner=chosen.choice(teams), system=chosen.choice(systems)) for name in apis]
    made += [
        component(
            f"component-{n:04}",
            chosen,
            owner=chosen.choice(teams),
            system=chosen.choice(systems),
            api=chosen.choice(apis),
        )
        for n in range(count - len(made))
    ]
    return made


def entity(kind: str, name: str, spec: Entity, **metadata: Any) -> Entity:
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "description": f"{kind} {name} of the load test", **metadata},
        "spec": spec,
    }


def component(name: str, chosen: random.Random, *, owner: str, system: str, api: str) -> Entity:
    language = chosen.choice(LANGUAGES)
    return entity(
        "Component",
        name,
        {
            "type": chosen.choice(TYPES),
            "lifecycle": chosen.choice(LIFECYCLES),
            "owner": owner,
            "system": system,
            "consumesApis": [api],
        },
        tags=[language],
        annotations={"backstage.io/techdocs-ref": "dir:."},
    )


def api(name: str, *, owner: str, system: str) -> Entity:
    definition = f"openapi: 3.1.0\ninfo: {{title: {name}, version: 1.0.0}}\npaths: {{}}\n"
    return entity(
        "API",
        name,
        {"type": "openapi", "lifecycle": "production", "owner": owner, "system": system, "definition": definition},
    )


def template() -> Entity:
    """Two steps that only write to the task's log: the scaffolder's own work, and nobody else's."""
    log = {"action": "debug:log", "input": {"message": "${{ parameters.name }}"}}
    return {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": TEMPLATE, "title": "Load test", "description": "Writes its parameter to the log, twice"},
        "spec": {
            "owner": "team-000",
            "type": "service",
            "parameters": [
                {"title": "Name", "required": ["name"], "properties": {"name": {"type": "string", "title": "Name"}}}
            ],
            "steps": [{"id": "first", "name": "First", **log}, {"id": "second", "name": "Second", **log}],
        },
    }
