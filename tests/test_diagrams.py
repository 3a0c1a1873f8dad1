"""Pictures of a stack show what is in its JSON, and the committed ones are up to date."""

from typing import Any

from portal.commands.diagrams import PAGES, page
from portal.diagrams import Drawing, Legend, load_legend
from tests.conftest import StackOf
from tests.kubernetes.test_release import ALL_STACKS

LEGEND = Legend(
    drawn={"aws_box": "box", "aws_other": "other", "helm_release": "release"},
    through=("aws_frame",),
    joints={"aws_rope": ("from", "to")},
    pervasive=("aws_kms_key",),
    about_keys=("aws_alias",),
)


def drawn(**types: dict[str, dict[str, Any]]) -> Drawing:
    """A made-up stack. The path of `part_x` is `part/x`."""
    return Drawing(
        {
            "resource": {
                type: {
                    name: {**body, "//": {"metadata": {"path": f"stack/{name.replace('_', '/')}"}}}
                    for name, body in by_name.items()
                }
                for type, by_name in types.items()
            }
        },
        LEGEND,
    )


def test_a_part_of_the_stack_is_a_frame_and_its_resources_of_one_type_a_box() -> None:
    text = drawn(aws_box={"part_in-a": {}, "part_in-b": {}, "part_lone": {}}, aws_hidden={"part_y": {}}).components()
    assert 'subgraph part["part"]' in text
    assert 'part_aws_box["box x 3<br/>in<br/>lone"]' in text
    assert "hidden" not in text


def test_an_arrow_leads_from_what_uses_to_what_is_used() -> None:
    text = drawn(aws_box={"one_x": {"other": "${aws_other.two_y.id}"}}, aws_other={"two_y": {}}).components()
    assert "one_aws_box --> two_aws_other" in text
    assert "two_aws_other --> " not in text


def test_what_is_not_drawn_is_looked_through_or_joins() -> None:
    text = drawn(
        aws_box={"one_x": {"frame": "${aws_frame.one_f.id}"}, "four_x": {}},
        aws_frame={"one_f": {"in": "${aws_other.two_y.id}"}},
        aws_other={"two_y": {}},
        aws_rope={"three_r": {"from": "${aws_other.two_y.id}", "to": "${aws_box.four_x.id}"}},
    ).components()
    assert "one_aws_box --> two_aws_other" in text
    assert "two_aws_other --> four_aws_box" in text


def test_what_must_merely_be_there_before_gives_no_arrow() -> None:
    text = drawn(aws_box={"one_x": {"depends_on": ["aws_other.two_y"]}}, aws_other={"two_y": {}}).components()
    assert "-->" not in text


def test_releases_are_drawn_in_the_order_of_their_needs_without_what_goes_without_saying() -> None:
    text = drawn(
        helm_release={
            "p_first": {"name": "first"},
            "p_second": {"name": "second", "depends_on": ["time_sleep.p_pause"]},
            "p_third": {"name": "third", "depends_on": ["helm_release.p_second", "helm_release.p_first"]},
        },
        time_sleep={"p_pause": {"depends_on": ["helm_release.p_first"]}},
    ).order()
    arrows = {line.strip() for line in text.splitlines() if "-->" in line}
    assert arrows == {
        "helm_release_p_first --> helm_release_p_second",
        "helm_release_p_second --> helm_release_p_third",
    }


def test_a_key_is_listed_with_what_it_encrypts() -> None:
    uses = {"key": "${aws_kms_key.keys_data.arn}"}
    drawing = drawn(
        aws_kms_key={"keys_data": {}},
        aws_box={"store_Default": uses},
        aws_alias={"keys_alias": uses},
        aws_other={"o_x": {}},
    )
    assert list(drawing.encrypted()) == [("keys/data", ["store"])]


def test_the_legend_names_types_that_some_stack_has(stack: StackOf) -> None:
    legend = load_legend()
    known = {resource.type for name in ALL_STACKS for resource in stack(name).resources.values()}
    named = {*legend.drawn, *legend.through, *legend.joints, *legend.pervasive, *legend.about_keys}
    assert named - known == set()


def test_the_committed_pages_show_the_stacks_as_they_are(stack: StackOf) -> None:
    for file, name in PAGES.items():
        assert file.read_text(encoding="utf-8") == page(name, Drawing(stack(name).document, load_legend())), (
            f"{file.name} is not up to date: run `make diagrams`"
        )
