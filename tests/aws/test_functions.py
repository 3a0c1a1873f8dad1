"""Lambda: what is shipped runs by itself, inside the network, and no call is lost unseen."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from portal.aws.functions import FOLDER, archive
from portal.spec.loader import Environments
from tests.conftest import StackOf

TIERS = ("staging-aws", "prod-aws")


def test_the_same_code_is_the_same_archive() -> None:
    first = archive(FOLDER)
    archive.cache_clear()
    assert archive(FOLDER) == first


def test_every_handler_is_in_the_archive_and_imports_without_this_project(stack: StackOf, tmp_path: Path) -> None:
    (tmp_path / "f.zip").write_bytes(archive(FOLDER))
    zipfile.ZipFile(tmp_path / "f.zip").extractall(tmp_path / "f")
    handlers = sorted({function["handler"] for function in stack("prod-aws").all("aws_lambda_function")})
    assert len(handlers) == 3
    for handler in handlers:
        module, _, name = handler.rpartition(".")
        code = f"import {module} as m; assert callable(m.{name}); assert m.__file__.startswith({str(tmp_path)!r})"
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "f", check=True)


@pytest.mark.parametrize("name", TIERS)
def test_functions_run_inside_the_network_and_leave_a_trace(
    stack: StackOf, name: str, environments: Environments
) -> None:
    synthesized = stack(name)
    concurrency = environments.tiers[name.removesuffix("-aws")].clouds.aws.functions.reserved_concurrency
    queue = synthesized.one("aws_sqs_queue")
    for function in synthesized.each("aws_lambda_function"):
        assert function["architectures"] == ["arm64"]
        assert function["tracing_config"] == {"mode": "Active"}
        assert function["reserved_concurrent_executions"] == concurrency
        used = synthesized.references(function)
        assert {f"aws_subnet.network_nodes-{letter}" for letter in "abc"} <= used
        assert queue.address in used
        nats = {nat.address for nat in synthesized.each("aws_nat_gateway")}
        assert nats <= synthesized.comes_after(function), "or the first call finds no way out"
        (log,) = [address for address in used if address.startswith("aws_cloudwatch_log_group.")]
        assert synthesized.resources[log]["name"] == f"/aws/lambda/{function['function_name']}"


@pytest.mark.parametrize("name", TIERS)
def test_a_destroy_does_not_wait_for_interfaces_that_hold_a_group(stack: StackOf, name: str) -> None:
    for function in stack(name).each("aws_lambda_function"):
        assert function["replace_security_groups_on_destroy"] is True, function.address
        assert "aws_default_security_group.network_closed" in stack(name).resources, "the one that takes its place"


@pytest.mark.parametrize("name", ["staging-aws", "prod-aws"])
def test_nobody_reaches_a_function_by_network(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    group = synthesized.one("aws_security_group", "functions")
    assert synthesized.referring_to(group, "aws_vpc_security_group_ingress_rule") == []
    (out,) = synthesized.referring_to(group, "aws_vpc_security_group_egress_rule")
    assert (out["from_port"], out["to_port"]) == (443, 443)
