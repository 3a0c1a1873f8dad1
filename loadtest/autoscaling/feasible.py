"""Whether a cluster can let an autoscaler do what a plan asks of it: decided before a request is sent.

Pure: from the API's objects, as `survey` reads them, to sentences that each say the way out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import TypeAdapter

from loadtest.autoscaling import api_objects
from loadtest.autoscaling.findings import use_percent
from loadtest.autoscaling.pod_size import fits_on, shown, size
from loadtest.autoscaling.quantity import milli
from loadtest.autoscaling.replay import MetricUnusable, Observation, proposal
from loadtest.autoscaling.session import Watched
from loadtest.autoscaling.spec import HpaSpec, UnsupportedAutoscaler
from loadtest.autoscaling.steps import restless
from loadtest.credentials import Credential

Json = Mapping[str, Any]
FORBIDDEN, ABSENT = 403, 404
MACHINES_OF_KARPENTER: Final = "karpenter.sh/nodepool"
"""A label of its nodes, with which it also adds others. Source: karpenter.sh, "NodePools"; EKS Auto Mode has it too."""


@dataclass(frozen=True, kw_only=True)
class Unread:
    """What the API server did not give. `status` is None where it gave no answer at all."""

    status: int | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The API's objects. Of what depends on the autoscaler nothing was asked (None) where that could not be read."""

    at: float
    """Seconds since 1970 by the cluster's clock."""
    hpa: Json | Unread
    workload: Json | Unread | None = None
    pods: Sequence[Json] | Unread | None = None
    usage: Sequence[Json] | Unread | None = None
    events: Sequence[Json] | Unread = ()
    quotas: Sequence[Json] | Unread = ()
    nodes: Sequence[Json] | Unread = ()
    pods_everywhere: Sequence[Json] | Unread = ()
    node_scaler: Json | Unread
    """The status that the cluster autoscaler keeps."""


@dataclass(frozen=True, kw_only=True)
class Feasibility:
    refusals: tuple[str, ...]
    """Why the run must not start."""
    notes: tuple[str, ...]
    """What may go wrong, and what is not known."""
    credentials: tuple[Credential, ...] = ()
    """Of the sampler, which may end in the run."""


FEASIBILITY: Final = TypeAdapter(Feasibility)


def feasible(survey: Survey, watched: Watched) -> Feasibility:
    """All that stands against a plan, each in a sentence."""
    if isinstance(survey.hpa, Unread) and survey.hpa.status is None:
        # Nothing else was asked.
        advice = "kubeconfig's current context, or `context` of the autoscaler's file, must name a cluster that answers"
        return Feasibility(refusals=(f"the sampler cannot read the cluster: {survey.hpa.text} ({advice})",), notes=())
    refusals, notes = list(_unread(survey, watched)), list[str]()
    if not isinstance(survey.hpa, Unread):
        try:
            spec = HpaSpec.from_api(survey.hpa)
        except UnsupportedAutoscaler as error:
            refusals.append(f"HPA {watched.hpa}: {error}")
        else:
            refusals += _plan(spec, survey, watched)
            refusals += _metrics(spec, survey, watched)
            for pod, more in _growth(spec, survey, watched):
                for found in (_quotas(pod, more, survey, watched), _nodes(pod, more, survey)):
                    refusals += found.refusals
                    notes += found.notes
    return Feasibility(refusals=tuple(refusals), notes=tuple(notes))


def _unread(survey: Survey, watched: Watched) -> Iterator[str]:
    """What the sampler needs and does not get."""
    place = f"in namespace {watched.namespace}"
    for part, verb, resource in (
        (survey.hpa, "get", "horizontalpodautoscalers.autoscaling"),
        (survey.workload, "get", f"{_target(survey)}.apps"),
        (survey.pods, "list", "pods"),
        (survey.usage, "list", "pods.metrics.k8s.io"),
        (survey.events, "list", "events"),
    ):
        if not isinstance(part, Unread):
            continue
        if part.status == FORBIDDEN:
            yield (
                f"the sampler may not {verb} {resource} {place} (403): give its account that verb there by a Role, "
                "as chart loadtest does"
            )
        elif part is survey.hpa and part.status == ABSENT:
            yield f"there is no HorizontalPodAutoscaler {watched.hpa} {place}: name one that is (`namespace`, `hpa`)"
        elif part is survey.workload and part.status == ABSENT:
            yield f"HPA {watched.hpa} scales what does not exist: {part.text}; deploy it, or correct its scaleTargetRef"
        elif part is survey.usage:
            yield f"the metrics API answers nothing, so it cannot scale: {part.text}; install or mend metrics-server"
        else:
            yield f"the sampler cannot read {resource} {place}: {part.text}; mend that, then start the run"


def _target(survey: Survey) -> str:
    if isinstance(survey.hpa, Unread):
        return "deployments"
    return f"{survey.hpa['spec']['scaleTargetRef']['kind'].lower()}s"


def _plan(spec: HpaSpec, survey: Survey, watched: Watched) -> Iterator[str]:
    highest = max(watched.counts(spec))
    if highest > spec.max_replicas:
        yield (
            f"the plan goes to {highest} replicas, and maxReplicas of HPA {spec.name} is {spec.max_replicas}: "
            "raise it, or aim lower"
        )
    below = [count for count in watched.counts(spec) if count < spec.min_replicas]
    if below:
        yield (
            f"the plan has a step to {min(below)} replicas, and minReplicas of HPA {spec.name} is {spec.min_replicas}: "
            "it would never get there; aim at that or above"
        )
    running, first = _running(survey), watched.counts(spec)[0]
    if running is not None and spec.min_replicas < first <= running:
        yield (
            f"{running} replicas run already, so the first step, to {first}, would prove nothing: wait until they have "
            "come to rest, or aim further"
        )


def _running(survey: Survey) -> int | None:
    if survey.workload is None or isinstance(survey.workload, Unread):
        return None
    return int(survey.workload["spec"].get("replicas", 1))


def _metrics(spec: HpaSpec, survey: Survey, watched: Watched) -> Iterator[str]:
    """What the controller would make of its pods now, and whether they let it come back to its minimum."""
    if survey.pods is None or survey.usage is None or isinstance(survey.pods, Unread):
        return
    if isinstance(survey.usage, Unread):
        return
    pods = [api_objects.pod(item) for item in survey.pods]
    usage = {item["metadata"]["name"]: api_objects.usage(item) for item in survey.usage}
    if not pods:
        yield f"HPA {spec.name} scales {spec.target_kind} {spec.target_name}, which has no pods: it would do nothing"
        return
    blind = [pod.name for pod in pods if pod.ready and not pod.deleted and pod.name not in usage]
    if blind:
        yield (
            f"the metrics API has nothing of {len(blind)} of {len(pods)} pods (first {blind[0]}): wait a minute where "
            "they are young, else look at metrics-server"
        )
        return
    seen = Observation(at=survey.at, replicas=len(pods), pods=pods, usage=usage)
    for metric in spec.metrics:
        try:
            proposal(metric, spec, seen, controller=watched.controller)
        except MetricUnusable as why:
            yield (
                f"HPA {spec.name} cannot work by {metric.name}: {why}; wait until its pods are ready, and give each "
                "container a request"
            )
    yield from _rest(spec, use_percent(pods, usage, spec), watched)


def _rest(spec: HpaSpec, idle: Mapping[str, float], watched: Watched) -> Iterator[str]:
    percents = tuple(m for m in spec.metrics if m.target_percent is not None and m.resource in idle)
    if watched.comes_back(spec) and percents:
        yield from restless(replace(spec, metrics=percents), idle, watched.controller)


def _growth(spec: HpaSpec, survey: Survey, watched: Watched) -> Iterator[tuple[Json, int]]:
    """A pod as those that the plan adds, and how many it adds; nothing where that is none, or none is there to see.

    One that runs, not the workload's template: a mesh adds containers to it.
    """
    running = _running(survey)
    if running is None or not survey.pods or isinstance(survey.pods, Unread):
        return
    more = min(max(watched.counts(spec)), spec.max_replicas) - running
    if more > 0:
        yield survey.pods[0], more


def _quotas(pod: Json, more: int, survey: Survey, watched: Watched) -> Feasibility:
    if isinstance(survey.quotas, Unread):
        why = _why(survey.quotas, "resourcequotas", f"in namespace {watched.namespace}")
        return _note(f"whether a ResourceQuota leaves room for {more} more pods is not known: {why}")
    refusals, notes = [], []
    for quota in survey.quotas:
        name = f"ResourceQuota {quota['metadata']['name']} in namespace {watched.namespace}"
        spec, status = quota["spec"], quota.get("status", {})
        if spec.get("scopes") or spec.get("scopeSelector"):
            notes.append(f"whether {name} leaves room for {more} more pods is not known: it is for some pods only")
            continue
        hard, used = status.get("hard") or spec.get("hard") or {}, status.get("used") or {}
        for resource, amount in size(pod).items():
            if resource not in hard:
                continue
            limit, taken = milli(hard[resource]), milli(used.get(resource, 0))
            if taken + more * amount > limit:
                refusals.append(
                    f"{name} leaves {resource} for {max(limit - taken, 0) // amount} more pods, and the plan needs "
                    f"{more}: raise it from {hard[resource]} to {shown(resource, taken + more * amount)}, or aim lower"
                )
    return Feasibility(refusals=tuple(refusals), notes=tuple(notes))


def _nodes(pod: Json, more: int, survey: Survey) -> Feasibility:
    if isinstance(survey.nodes, Unread) or isinstance(survey.pods_everywhere, Unread):
        unread, resource = (
            (survey.nodes, "nodes") if isinstance(survey.nodes, Unread) else (survey.pods_everywhere, "pods")
        )
        assert isinstance(unread, Unread)
        why = _why(unread, resource, "in the whole cluster")
        return _note(f"whether the nodes have room for {more} more pods is not known: {why}")
    room = sum(fits_on(node, pod, survey.pods_everywhere) for node in survey.nodes)
    if room >= more:
        return Feasibility(refusals=(), notes=())
    lack = f"the nodes have room for {room} of the {more} pods that the plan adds"
    adds = _adds_nodes(survey.nodes, survey.node_scaler)
    if adds:
        return _note(f"{lack}: others must be there in time, or pods are not ready when they must be")
    if adds is None:
        return _note(f"{lack}, and whether others are added is not known: without, pods stay pending")
    return Feasibility(refusals=(f"{lack}, and nobody adds others: add nodes, or aim lower",), notes=())


def _adds_nodes(nodes: Sequence[Json], status: Json | Unread) -> bool | None:
    """None: not known."""
    if any(MACHINES_OF_KARPENTER in node["metadata"].get("labels", {}) for node in nodes):
        return True
    if not isinstance(status, Unread):
        return True
    # Google's own autoscaler of nodes need not show itself in the cluster.
    hidden = any(node["spec"].get("providerID", "").startswith("gce:") for node in nodes if "spec" in node)
    return None if hidden or status.status != ABSENT else False


def _why(unread: Unread, resource: str, place: str) -> str:
    return f"the account may not list {resource} {place} (403)" if unread.status == FORBIDDEN else unread.text


def _note(text: str) -> Feasibility:
    return Feasibility(refusals=(), notes=(text,))
