"""Every change of the replicas, held against what the metrics asked for and what the policies allow."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from loadtest.autoscaling.findings import Finding, Moment, Run, observation, span_of, wrong
from loadtest.autoscaling.replay import History, down_limit, recommend, up_limit


def bounded(run: Run) -> Iterator[Finding]:
    """Never above the maximum; a lowered one is followed at the next sync."""
    grace = run.expected.controller.sync_seconds + run.expected.budgets.actuate
    for moment in run.moments:
        changed_at = max((spec.at for spec in run.record.specs if spec.at <= moment.at), default=0.0)
        settled = moment.at - changed_at > grace or moment.spec is run.moments[0].spec
        if moment.sample.replicas > moment.spec.max_replicas and settled:
            text = f"{moment.sample.replicas} replicas at {moment.at:.0f} s, above maxReplicas "
            yield wrong("bounds", f"{text}{moment.spec.max_replicas}", moment.at)
            return


def moved(run: Run) -> Iterator[Finding]:
    """Every change of the replicas: asked for, within the rates, and not before the window is over."""
    controller, history = run.expected.controller, History()
    for before, after in pairwise(run.moments):
        a, b, at = before.sample.replicas, after.sample.replicas, after.at
        if a == b:
            continue
        slack = controller.sync_seconds + 2 * run.record.interval_seconds
        unseen = any(gap.start < at and gap.end > before.at - slack for gap in run.record.gaps)
        if not unseen and before.sample.desired is not None:
            yield from _one_move(run, before, after, history, slack)
        if b > a:
            history = History(added=(*history.added, (at, b - a)), removed=history.removed)
        else:
            history = History(added=history.added, removed=(*history.removed, (at, a - b)))


def _one_move(run: Run, before: Moment, after: Moment, history: History, slack: float) -> Iterator[Finding]:
    spec, a, b, at = before.spec, before.sample.replicas, after.sample.replicas, after.at
    lately = [m.asked for m in run.moments if at - slack <= m.at < at]
    # The metrics may have changed since the last sample, and the sync have seen it: today's use, yesterday's pods.
    at_last = replace(observation(before.sample), at=at, usage=after.sample.usage)
    lately.append(recommend(spec, at_last, controller=run.expected.controller))
    asked = [count for count in lately if count is not None]
    outside = not spec.min_replicas <= a <= spec.max_replicas
    change = f"replicas went from {a} to {b} at {at:.0f} s"
    if not outside and not any(count >= b if b > a else count <= b for count in asked):
        by = f"while its metrics asked for {span_of(asked)}" if asked else "while it had no metrics"
        yield wrong("moves", f"{change} {by}: something else writes them, or its view of the metrics is wrong", at)
        return
    # The moment of the sync is known to within `slack`, so a period may have just ended.
    highest = max(up_limit(spec, moment, a, history) for moment in (at, at + slack))
    lowest = min(down_limit(spec, moment, a, history) for moment in (at, at + slack))
    if not outside and not lowest <= b <= highest:
        limit = f"up to {highest}" if b > a else f"down to {lowest}"
        yield wrong("rates", f"{change}; its policies allow {limit} then", at)
    if b < a and not outside:
        window = spec.down_window_seconds(run.expected.controller)
        kept = _surely_asked(run.moments, at - window + slack, at - slack, span=slack)
        if kept is not None and kept > b:
            yield wrong("hold", f"{change}, though {kept} were asked for within the last {window:.0f} s", at)


def _surely_asked(moments: Sequence[Moment], start: float, end: float, *, span: float) -> int | None:
    """The most that was asked for throughout some `span`, so that a sync must have seen it."""
    inside = [moment for moment in moments if start <= moment.at <= end]
    best, first = None, 0
    for last, moment in enumerate(inside):
        while first < last and moment.at - inside[first + 1].at >= span:
            first += 1
        counts = [m.asked for m in inside[first : last + 1]]
        if moment.at - inside[first].at >= span and None not in counts:
            least = min(count for count in counts if count is not None)
            best = least if best is None else max(best, least)
    return best
