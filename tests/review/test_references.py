"""What counts as a reference in Terraform JSON."""

from portal.review.references import dependents, members, references, rewritten


def in_capitals(value: object) -> object:
    return rewritten(value, str.upper)


def test_the_address_in_an_interpolation_is_a_reference_and_the_rest_of_the_path_is_not() -> None:
    assert in_capitals("${aws_vpc.main.id}") == "${AWS_VPC.MAIN.id}"
    assert in_capitals("a ${data.aws_ami.newest.id} b") == "a ${DATA.AWS_AMI.NEWEST.id} b"
    assert in_capitals("${ephemeral.random_password.db.result}") == "${EPHEMERAL.RANDOM_PASSWORD.DB.result}"


def test_names_may_hold_hyphens() -> None:
    assert in_capitals("${aws_subnet.network_nodes-a.id}") == "${AWS_SUBNET.NETWORK_NODES-A.id}"


def test_a_quoted_string_in_an_expression_is_text_with_references_of_its_own() -> None:
    text = '${jsonencode({"aws_vpc.main" = "a_b.c ${aws_vpc.main.arn}:*", "x" = aws_vpc.other.id})} aws_vpc.plain'
    assert in_capitals(text) == (
        '${jsonencode({"aws_vpc.main" = "a_b.c ${AWS_VPC.MAIN.arn}:*", "x" = AWS_VPC.OTHER.id})} aws_vpc.plain'
    )


def test_an_escaped_quote_does_not_end_a_quoted_string() -> None:
    assert in_capitals('${f("\\" a_b.c")} a_b.c ${a_b.c.id}') == '${f("\\" a_b.c")} a_b.c ${A_B.C.id}'


def test_a_backslash_before_an_interpolation_is_text() -> None:
    assert in_capitals("\\${aws_vpc.main.id}") == "\\${AWS_VPC.MAIN.id}"


def test_escaped_interpolations_and_other_roots_are_left_alone() -> None:
    for text in ("$${aws_vpc.main.id}", "%%{if aws_vpc.main.id}", "${var.my_vpc.id}", "${each.value.a_b.c}"):
        assert in_capitals(text) == text


def test_directives_and_keys_are_looked_into() -> None:
    assert in_capitals({"${aws_vpc.main.id}": ["%{if aws_vpc.main.ok}y%{endif}"]}) == {
        "${AWS_VPC.MAIN.id}": ["%{if AWS_VPC.MAIN.ok}y%{endif}"]
    }


def test_a_resource_refers_by_arguments_and_by_depends_on_but_not_by_comments() -> None:
    body = {
        "//": "${a_b.comment}",
        "x": ["${a_b.one.id}-${a_b.two.id}", {"y": "${a_b.one.id}"}],
        "depends_on": ["a_b.z"],
    }
    assert references(body) == ("a_b.one", "a_b.two", "a_b.z")


def test_dependents_are_found_through_others_and_through_data_sources() -> None:
    document = {
        "resource": {
            "a_b": {"first": {}, "last": {"x": "${data.a_b.middle.id}"}, "other": {}},
        },
        "data": {"a_b": {"middle": {"depends_on": ["a_b.first"]}}},
    }
    assert dependents(document, {"a_b.first"}) == {"data.a_b.middle", "a_b.last"}
    assert [address for address, _ in members(document)] == ["a_b.first", "a_b.last", "a_b.other", "data.a_b.middle"]
