"""The VPC: zones, ways out, and who may use them."""

from tests.conftest import StackOf


def test_each_zone_leaves_through_its_own_nat(stack: StackOf) -> None:
    prod = stack("prod-aws")
    nats = prod.all("aws_nat_gateway")
    assert len(nats) == 3
    for nat in nats:
        assert len(prod.referring_to(nat, "aws_route")) == 1, nat.address


def test_dev_shares_one_nat(stack: StackOf) -> None:
    dev = stack("dev-aws")
    nat = dev.one("aws_nat_gateway")
    assert len(dev.referring_to(nat, "aws_route")) == 3
