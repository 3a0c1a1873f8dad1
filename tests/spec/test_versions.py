"""versions.yaml: what belongs together has one version."""

import pytest
from pydantic import ValidationError

from portal.spec.versions import Versions


@pytest.mark.parametrize(
    ("image", "tag", "rule"),
    [
        ("postgresql", "19.1-minimal-trixie", "images.postgresql.tag must be of 18, as aws_services.postgresql is"),
        ("cluster-autoscaler", "v1.35.2", "images.cluster-autoscaler.tag must be of Kubernetes 1.36"),
    ],
)
def test_an_image_of_another_version_is_refused(versions: Versions, image: str, tag: str, rule: str) -> None:
    data = versions.model_dump()
    data["images"][image]["tag"] = tag
    with pytest.raises(ValidationError, match=rule):
        Versions.model_validate(data)
