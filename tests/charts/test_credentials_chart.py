"""How passwords are made inside the cluster, which of them stay, and what comes from the cloud's store."""

from functools import cache
from typing import Any

import pytest

from tests.charts.rendering import Refused, Rendered, example, render


@cache
def credentials(size: str) -> Rendered:
    return render("credentials", example("credentials", size))


def spec(size: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = credentials(size).one("ExternalSecret", name)["spec"]
    return found


each_secret = pytest.mark.parametrize("name", ["redis-failover", "grafana-admin"])


@each_secret
def test_each_secret_has_a_generator_of_its_own_beside_it(name: str) -> None:
    """A generator and the Secret that it fills have to be in one namespace."""
    secret, generator = (credentials("prod").one(kind, name) for kind in ("ExternalSecret", "Password"))
    (source,) = secret["spec"]["dataFrom"]
    assert source["sourceRef"]["generatorRef"] == {
        "apiVersion": generator["apiVersion"],
        "kind": generator["kind"],
        "name": generator["metadata"]["name"],
    }
    assert secret["metadata"]["namespace"] == generator["metadata"]["namespace"]
    assert secret["spec"]["target"]["name"] == name


@each_secret
def test_a_password_is_made_once(name: str) -> None:
    assert spec("prod", name)["refreshPolicy"] == "CreatedOnce"
    assert spec("prod", name)["refreshInterval"] == "0"
    assert spec("prod", name)["target"]["immutable"] is True


def test_secrets_outlive_the_release_where_the_volumes_do() -> None:
    assert spec("prod", "redis-failover")["target"]["creationPolicy"] == "Orphan"
    assert spec("dev", "redis-failover")["target"]["creationPolicy"] == "Owner"
    for size in ("prod", "dev"):
        assert spec(size, "redis-failover")["target"]["deletionPolicy"] == "Retain"


@pytest.mark.parametrize(("name", "key"), [("redis-failover", "password"), ("grafana-admin", "admin-password")])
def test_a_password_is_long_fits_into_a_url_and_has_the_key_that_its_user_expects(name: str, key: str) -> None:
    generator = credentials("prod").one("Password", name)["spec"]
    assert generator["secretKeys"] == [key]
    assert generator["length"] >= 32
    assert generator["symbols"] == 0
    # Else the generator cannot draw 32 letters of one case, and refuses.
    assert generator["allowRepeat"] is True


def test_entries_that_are_no_secret_stand_beside_the_password() -> None:
    template = spec("prod", "grafana-admin")["target"]["template"]
    assert template["data"] == {"admin-user": "admin"}
    # Replace, the default, would leave the password out.
    assert template["mergePolicy"] == "Merge"
    assert "data" not in spec("prod", "redis-failover")["target"]["template"]


def test_no_value_of_a_secret_is_in_the_release() -> None:
    assert credentials("prod").all("Secret") == []


def test_labels_of_an_immutable_secret_never_change() -> None:
    labels = spec("prod", "redis-failover")["target"]["template"]["metadata"]["labels"]
    assert "helm.sh/chart" not in labels


def test_what_is_fetched_comes_from_the_store_and_follows_it() -> None:
    (store,) = credentials("prod").all("ClusterSecretStore")
    fetched = spec("prod", "sign-in")
    assert fetched["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": store["metadata"]["name"]}
    assert fetched["dataFrom"] == [{"extract": {"key": "portal-prod-sign-in"}}]
    assert (fetched["refreshPolicy"], fetched["refreshInterval"]) == ("Periodic", "1h")
    assert "immutable" not in fetched["target"], "it has to follow the store"


def test_only_the_named_namespaces_read_from_the_store() -> None:
    (store,) = credentials("prod").all("ClusterSecretStore")
    assert store["spec"]["conditions"] == [{"namespaces": ["developer-portal"]}]


def test_the_store_is_logged_in_to_without_any_stored_credential() -> None:
    (store,) = credentials("prod").all("ClusterSecretStore")
    ((settings),) = store["spec"]["provider"].values()
    assert not {"auth", "authSecretRef", "serviceAccountRef"} & settings.keys()


def test_without_a_store_nothing_is_fetched_and_to_ask_for_it_is_refused() -> None:
    assert credentials("dev").all("ClusterSecretStore") == []
    without = {key: value for key, value in example("credentials", "prod").items() if key != "store"}
    with pytest.raises(Refused, match="store: is needed"):
        render("credentials", without)
