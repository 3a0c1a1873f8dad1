"""`summary.md`: the run on a screen of a pull request."""

from collections.abc import Sequence

from loadtest.report.document import Document
from loadtest.report.junit import described, observed


def summary(document: Document) -> str:
    verdict = document.verdict
    parts = [
        f"## Load test: {verdict.result.value}",
        f"{escaped(verdict.sentence)}. Profile `{document.profile}` ({document.model} model), "
        f"{document.duration_seconds:.0f} s against {document.target.url}, exit code {verdict.exit_code}.",
    ]
    if document.target.stand_ins:
        parts.append("Not the real thing: " + "; ".join(map(escaped, document.target.stand_ins)) + ".")
    if document.journeys.left_out:
        parts.append(f"Journeys: {escaped(document.journeys.sentence())}.")
    if document.calibration:
        parts.append(f"Steps from a calibration: {escaped(document.calibration.sentence())}.")
    if verdict.reasons:
        parts.append("\n".join(f"- **{reason.result.value}**: {escaped(reason.text)}" for reason in verdict.reasons))
    if document.limits:
        rows = [
            (
                each.objective,
                described(each),
                observed(each),
                each.state,
                each.worst_endpoint or "",
            )
            for each in document.limits
        ]
        parts.append(table(("Objective", "Limit", "Observed", "", "Worst endpoint"), rows))
    if searched := document.breakpoint:
        parts.append(
            table(
                ("Probe", "Rate /s", "", "Missed"),
                [
                    (str(number), f"{each.rate_rps:.4g}", "met" if each.met else "missed", "; ".join(each.missed))
                    for number, each in enumerate(searched.probes, start=1)
                ],
            )
        )
    if document.comparison:
        changed = [
            (
                each.endpoint,
                each.metric,
                f"{each.baseline:.4g}{each.unit}",
                f"{each.run:.4g}{each.unit}",
                f"{each.low:+.3g} to {each.high:+.3g}{each.unit}",
                "**worse**" if each.regression else "",
            )
            for each in document.comparison.differences
        ]
        parts.append(
            table(("Endpoint", "", f"Baseline of {document.comparison.began}", "Run", "Difference", ""), changed)
        )
    steady = [each for each in document.endpoints if each.phase == "steady"]
    if steady:
        measured = [
            (
                each.endpoint,
                str(each.requests),
                str(each.failed),
                *(f"{value:.1f}" for value in (each.latency_ms.p50, each.latency_ms.p95, each.latency_ms.p99)),
            )
            for each in sorted(steady, key=lambda each: -each.latency_ms.p95)
        ]
        head = ("Endpoint (steady)", "Requests", "Failed", "p50 ms", "p95 ms", "p99 ms")
        parts.append(table(head, measured))
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(escaped, line)) + " |" for line in lines)


def escaped(text: str) -> str:
    """In a cell and in a line: what a target answered must break neither."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ").replace("\r", " ")
