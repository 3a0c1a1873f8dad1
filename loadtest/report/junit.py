"""`junit.xml`: each limit is a test, and the run itself is one, for whatever shows tests of a pipeline."""

import re
from typing import Final
from xml.etree import ElementTree as Xml

from loadtest.report.document import Document, Limit
from loadtest.slo.evaluate import AT_LEAST
from loadtest.verdict import Result

UNPRINTABLE: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0 has no way to write these; reasons quote what targets answered."""


def junit(document: Document) -> str:
    suite = Xml.Element("testsuite", name=f"loadtest {document.profile}", timestamp=document.started_at)
    for limit in document.limits:
        case = Xml.SubElement(suite, "testcase", classname=limit.objective, name=described(limit), time="0")
        if limit.observed is None:
            Xml.SubElement(case, "skipped", message="nothing was measured for it")
        if limit.missed:
            where = f", worst at {limit.worst_endpoint}" if limit.worst_endpoint else ""
            Xml.SubElement(case, "failure", message=printable(f"observed {observed(limit)}{where}"))
    for each in document.comparison.differences if document.comparison else ():
        case = Xml.SubElement(
            suite, "testcase", classname="baseline", name=printable(f"{each.metric} of {each.endpoint}"), time="0"
        )
        if each.regression:
            Xml.SubElement(case, "failure", message=printable(each.sentence()))
    run = Xml.SubElement(suite, "testcase", classname="run", name="verdict", time=f"{document.duration_seconds:.3f}")
    others = [reason for reason in document.verdict.reasons if reason.result is not Result.slo_missed]
    if others:
        # An error, not a failure: these say that the run proves nothing, or that the autoscaler is wrong.
        error = Xml.SubElement(run, "error", message=printable(document.verdict.sentence))
        error.text = printable("\n".join(f"{reason.result.value}: {reason.text}" for reason in others))
    for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(kind, str(len(list(suite.iter(tag)))))
    suite.set("time", f"{document.duration_seconds:.3f}")
    Xml.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(suite, encoding="unicode") + "\n"


def described(limit: Limit) -> str:
    return f"{limit.metric} {'at least' if limit.metric in AT_LEAST else 'at most'} {limit.limit:g}{limit.unit}"


def observed(limit: Limit) -> str:
    return "nothing" if limit.observed is None else f"{limit.observed:.4g}{limit.unit}"


def printable(text: str) -> str:
    return UNPRINTABLE.sub("?", text)
