"""The JSON of Kubernetes' API objects, read into what the replay needs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from loadtest.autoscaling.pod_size import as_a_whole, effective
from loadtest.autoscaling.quantity import resources
from loadtest.autoscaling.record import Condition, Event
from loadtest.autoscaling.replay import Pod, Usage

Json = Mapping[str, Any]


def seconds(timestamp: str) -> float:
    """An RFC 3339 time in seconds since 1970."""
    return datetime.fromisoformat(timestamp).astimezone(UTC).timestamp()


def pod(item: Json) -> Pod:
    meta, spec, status = item["metadata"], item["spec"], item.get("status", {})
    ready = next((c for c in status.get("conditions", ()) if c["type"] == "Ready"), None)
    # Sidecars are init containers that stay.
    containers = [
        *spec["containers"],
        *(c for c in spec.get("initContainers", ()) if c.get("restartPolicy") == "Always"),
    ]
    return Pod(
        name=meta["name"],
        phase=status.get("phase", "Pending"),
        created_at=seconds(meta["creationTimestamp"]),
        deleted="deletionTimestamp" in meta,
        ready=None if ready is None else ready["status"] == "True",
        ready_unknown=ready is not None and ready["status"] == "Unknown",
        ready_changed_at=seconds(ready["lastTransitionTime"]) if ready and ready.get("lastTransitionTime") else 0,
        started_at=seconds(status["startTime"]) if "startTime" in status else None,
        requests={c["name"]: resources(c.get("resources", {}).get("requests")) for c in containers},
        requests_as_a_whole=effective(spec, "requests") if as_a_whole(spec, "requests") else None,
    )


def usage(item: Json) -> Usage:
    """An item of a PodMetricsList."""
    window = item["window"]
    return Usage(
        at=seconds(item["timestamp"]),
        window_seconds=duration(window),
        containers={c["name"]: resources(c["usage"]) for c in item["containers"]},
    )


def duration(text: str) -> float:
    """Go's way to write one: 30s, 1m30.5s, 500ms."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    total, number, unit = 0.0, "", ""
    for char in f"{text} ":
        if unit and not (char.isalpha() or char == "µ"):
            total += float(number) * units[unit]
            number, unit = "", ""
        if char.isdigit() or char == ".":
            number += char
        else:
            unit += char.strip()
    return total


def conditions(hpa: Json) -> tuple[Condition, ...]:
    return tuple(
        Condition(type=c["type"], status=c["status"], reason=c.get("reason", ""), message=c.get("message", ""))
        for c in hpa.get("status", {}).get("conditions", ())
    )


def utilization(hpa: Json) -> dict[str, int]:
    found = {}
    for metric in hpa.get("status", {}).get("currentMetrics") or ():
        source = metric.get("resource") or metric.get("containerResource") or {}
        percent = source.get("current", {}).get("averageUtilization")
        if percent is not None:
            found[source["name"]] = percent
    return found


def event(item: Json) -> Event:
    at = item.get("lastTimestamp") or item.get("eventTime") or item["metadata"]["creationTimestamp"]
    return Event(
        at=seconds(at), reason=item.get("reason", ""), message=item.get("message", ""), type=item.get("type", "")
    )


def label_selector(selector: Json) -> str:
    """A Deployment's selector as a query parameter."""
    labels = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    return ",".join([*labels, *(_expression(e) for e in selector.get("matchExpressions") or ())])


def _expression(expression: Json) -> str:
    key: str = expression["key"]
    values = ",".join(sorted(expression.get("values") or ()))
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
    return forms[expression["operator"]]
