"""The stack `local` on a real control plane: installed, changed by one value, changed back, and gone.

Twice: by Helm alone, release by release in the order that the stack's JSON asks for; and by `cdktf deploy`, where
Terraform finds its providers. Other people's operators are stand-ins from a chart repository on loopback.
"""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from portal.review.providers import install
from portal.review.terraform import Terraform
from portal.spec.environment import LocalEnvironment
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.charts.rendering import changed, tool
from tests.cluster import chart_repository
from tests.cluster.api import Api, definitions, wait
from tests.cluster.conftest import NAMED, cluster
from tests.cluster.stack_objects import provider_objects
from tests.conftest import ROOT
from tests.kubernetes.rendered import placed
from tests.kubernetes.test_order import KINDS_FROM
from tests.synthesized import Resource, SynthesizedStack, synthesized

pytestmark = pytest.mark.slow

OTHER_IMAGE: Final = "sha256:" + 64 * "a"
CHANGE: Final = ("portal.frontend.image.digest", OTHER_IMAGE)
PORTAL: Final = "/apis/apps/v1/namespaces/developer-portal/deployments/portal-frontend"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A cluster, a chart repository, and the stack `local` made for both."""

    api: Api
    environments: Environments
    versions: Versions
    folder: Path
    theirs: frozenset[str]
    """What was in no namespace before, under "kind name"."""

    def local(self, *change: Any) -> SynthesizedStack:
        """The stack; with a value of its data at a path changed, if one is given."""
        data = self.environments.local.model_dump(by_alias=True)
        data["cluster"] |= {"kubeconfig": str(self.api.kubeconfig), "context": self.api.context}
        local = LocalEnvironment.model_validate(changed(data, *change) if change else data)
        environments = self.environments.model_copy(update={"local": local})
        return synthesized("local", environments, self.versions, self.folder / "cdktf.out")

    def environment(self) -> dict[str, str]:
        """For programs that work on it: what Helm keeps goes with the test."""
        helm = {f"HELM_{kind}_HOME": str(self.folder / "helm") for kind in ("CACHE", "CONFIG", "DATA")}
        return {**os.environ, **helm, "KUBECONFIG": str(self.api.kubeconfig)}

    def revisions(self) -> dict[str, dict[int, str]]:
        """Release -> revision -> status, as Helm keeps them in the cluster."""
        found: dict[str, dict[int, str]] = {}
        for secret in self.api.read("/api/v1/secrets")["items"]:
            place = f"Namespace {secret['metadata']['namespace']}"
            if secret["type"] == "helm.sh/release.v1" and place not in self.theirs:
                labels = secret["metadata"]["labels"]
                found.setdefault(labels["name"], {})[int(labels["version"])] = labels["status"]
        return found

    def image(self) -> str:
        """Of the portal's frontend; its Deployment is complete."""
        live = self.api.read(PORTAL)
        assert live["status"]["observedGeneration"] == live["metadata"]["generation"]
        assert live["status"].get("readyReplicas") == live["spec"]["replicas"]
        containers = live["spec"]["template"]["spec"]["containers"]
        return str(next(each["image"] for each in containers if each["name"] == "portal-frontend"))

    def holds(self, stack: SynthesizedStack) -> None:
        """Every object of the own charts and of Terraform is there, and every Deployment is ready."""
        made = Counter[str]()
        objects = [(each.body, each.namespace) for each in placed(stack)]
        objects += [(body, body["metadata"].get("namespace", "")) for body in provider_objects(stack)]
        for body, namespace in objects:
            self.api.read(f"{self.api.path(body, namespace)}/{body['metadata']['name']}")
            made[body["kind"]] += 1
        deployments = [
            each
            for each in self.api.read("/apis/apps/v1/deployments")["items"]
            if f"Namespace {each['metadata']['namespace']}" not in self.theirs
        ]
        late = [d["metadata"]["name"] for d in deployments if d["status"].get("readyReplicas") != d["spec"]["replicas"]]
        assert not late
        print(
            f"\n{sum(made.values())} objects there: {dict(sorted(made.items()))}; {len(deployments)} ready Deployments"
        )

    def left(self) -> set[str]:
        """What is there of a stack: namespaces and all that is in none, such as kinds, classes, roles, policies."""
        return set(self.api.cluster_scoped() - self.theirs)

    def ends_as_it_was(self) -> None:
        with suppress(AssertionError):
            wait(lambda: not self.left(), "end of it", seconds=60)
        assert not self.left()
        assert self.theirs <= self.api.cluster_scoped()


@pytest.fixture
def site(environments: Environments, versions: Versions, tmp_path: Path) -> Iterator[Site]:
    tool("helm")
    repository = tmp_path / "repository"
    repository.mkdir()
    with chart_repository.served(repository) as address, cluster(runs_pods=True) as api:
        if kinds := [path for path in definitions() if api.has(path)]:
            pytest.skip(f"{api.server} has kinds of its own, and Helm takes over none: {kinds[0].rsplit('/')[-1]}, ...")
        charts = versions.charts.model_copy(update={"mirror": address})
        found = Site(
            api=api,
            theirs=frozenset(api.cluster_scoped()),
            environments=environments,
            versions=versions.model_copy(update={"charts": charts}),
            folder=tmp_path,
        )
        foreign = {r["chart"]: r["version"] for r in found.local().releases.values() if r.get("repository")}
        chart_repository.write(repository, foreign, KINDS_FROM)
        yield found
        if NAMED:
            take_away(found)


def take_away(site: Site) -> None:
    """What a test that failed halfway left. Its namespaces were nobody's when it began."""
    stack = site.local()
    helm, there = Helm(site, stack), site.revisions()
    for release in reversed(helm.in_order()):
        if release["name"] in there:
            helm.uninstall(release)
    for body in reversed(provider_objects(stack)):
        site.api.delete(body)


class Helm:
    """What Terraform's provider does with a release, by the command line."""

    def __init__(self, site: Site, stack: SynthesizedStack) -> None:
        self._site, self._stack = site, stack

    def in_order(self) -> list[Resource]:
        """The releases, each after all that it needs."""
        releases = {r.address: r for r in self._stack.releases.values()}
        before = {address: self._stack.comes_after(r) & set(releases) for address, r in releases.items()}
        return sorted(releases.values(), key=lambda r: (len(before[r.address]), r.address))

    def upgrade(self, release: Resource, stack: SynthesizedStack) -> None:
        """Installs what is not there yet."""
        values = json.dumps(stack.values(release["name"]))
        repository = release.get("repository")
        chart = release["chart"] if repository else str(stack.file.parent / release["chart"])
        source = ["--repo", repository, "--version", release["version"]] if repository else []
        waits = ["--wait", "--wait-for-jobs", "--timeout", "2m"]
        self._run(release, "upgrade", "--install", chart, *source, *waits, "--values", "-", values=values)

    def rollback(self, release: Resource) -> None:
        self._run(release, "rollback", "--wait", "--timeout", "2m")

    def uninstall(self, release: Resource) -> None:
        with self._site.api.in_sight():
            self._run(release, "uninstall", "--wait", "--timeout", "2m")

    def _run(self, release: Resource, verb: str, *arguments: str, values: str = "") -> None:
        flags, words = [a for a in arguments if a == "--install"], [a for a in arguments if a != "--install"]
        command = [tool("helm"), verb, *flags, release["name"], *words, "--namespace", release["namespace"]]
        environment = self._site.environment()
        done = subprocess.run(command, input=values, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"helm {verb} {release['name']}: {done.stderr}"


@pytest.mark.realtime
# So that lines are as long as one another. A line of two tests would be given another one before it has begun.
@pytest.mark.xdist_group("figures")
def test_helm_installs_changes_rolls_back_and_removes_it(site: Site) -> None:
    """Helm waits two minutes for each step. On a busy machine the end of a kind was once not seen by then."""
    before = site.local()
    image = before.values("portal")["frontend"]["image"]
    for body in provider_objects(before):
        answer = site.api.apply(body, dry_run=False)
        assert answer.accepted, answer.message
    helm = Helm(site, before)
    order = helm.in_order()
    for release in order:
        helm.upgrade(release, before)
        site.api.forget_kinds()
    names = {release["name"] for release in order}
    assert site.revisions() == {name: {1: "deployed"} for name in names}
    assert site.image() == image
    site.holds(before)

    after = site.local(*CHANGE)
    differing = [each for each in order if after.values(each["name"]) != before.values(each["name"])]
    assert [each["name"] for each in differing] == ["portal"]
    (portal,) = differing
    helm.upgrade(portal, after)
    unchanged = {name: {1: "deployed"} for name in names - {"portal"}}
    assert site.revisions() == unchanged | {"portal": {1: "superseded", 2: "deployed"}}
    assert site.image().endswith(OTHER_IMAGE)

    helm.rollback(portal)
    assert site.revisions() == unchanged | {"portal": {1: "superseded", 2: "superseded", 3: "deployed"}}
    assert site.image() == image

    for release in reversed(order):
        helm.uninstall(release)
    assert site.revisions() == {}
    for body in reversed(provider_objects(before)):
        site.api.delete(body)
    site.ends_as_it_was()


def test_helm_has_no_way_around_the_order(site: Site) -> None:
    """The stand-ins are no decoration: without an operator's kinds, what is made of them is refused."""
    stack = site.local()
    for body in provider_objects(stack):
        assert site.api.apply(body, dry_run=False).accepted
    with pytest.raises(AssertionError, match="no matches for kind"):
        Helm(site, stack).upgrade(stack.releases["postgres-cluster"], stack)


@dataclass(frozen=True, kw_only=True)
class Cdktf:
    site: Site

    def deploy(self) -> None:
        self._run(["deploy", "local", "--auto-approve"])

    def destroy(self) -> None:
        self._run(["destroy", "local", "--auto-approve"])

    def planned(self) -> list[str]:
        """What a plan would change: "update address" and so on."""
        folder = self.site.folder / "cdktf.out/stacks/local"
        command = ["terraform", "plan", "-input=false", "-json", "-lock=false"]
        done = subprocess.run(command, cwd=folder, env=self._environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        events = [json.loads(line) for line in done.stdout.splitlines()]
        changes = [event["change"] for event in events if event["type"] == "planned_change"]
        return [f"{change['action']} {change['resource']['addr']}" for change in changes]

    def _run(self, words: list[str]) -> None:
        (self.site.folder / "cdktf.json").write_text(
            json.dumps({"language": "python", "app": "true", "projectId": "test", "sendCrashReports": "false"})
        )
        # It would ask the registry for other platforms' checksums, whatever the CLI configuration says.
        offline = ["--skip-synth", "--skip-provider-lock", "--no-color"]
        command = [str(ROOT / "node_modules/.bin/cdktf"), *words, *offline]
        done = subprocess.run(
            command, cwd=self.site.folder, env=self._environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]

    def _environment(self) -> dict[str, str]:
        quiet = {"CHECKPOINT_DISABLE": "1", "CI": "1", "TF_IN_AUTOMATION": "1"}
        return {**self.site.environment(), **quiet}


def test_terraform_applies_plans_nothing_changes_one_release_and_destroys(site: Site) -> None:
    stack = site.local()
    missing = install(Terraform.on_path(), [stack.document], site.folder / "providers").missing
    if missing:
        pytest.skip(
            f"no provider {', '.join(each.name for each in missing)} where Terraform's CLI configuration says: "
            "make accept explains how to mirror them"
        )
    cdktf = Cdktf(site=site)
    image = stack.values("portal")["frontend"]["image"]
    cdktf.deploy()
    names = set(stack.releases)
    assert site.revisions() == {name: {1: "deployed"} for name in names}
    assert site.image() == image
    site.api.forget_kinds()
    site.holds(stack)
    assert cdktf.planned() == []

    site.local(*CHANGE)
    assert cdktf.planned() == ["update helm_release.platform_portal"]
    cdktf.deploy()
    assert site.image().endswith(OTHER_IMAGE)
    assert {name for name, revisions in site.revisions().items() if len(revisions) > 1} == {"portal"}
    assert cdktf.planned() == []

    cdktf.destroy()
    site.ends_as_it_was()
