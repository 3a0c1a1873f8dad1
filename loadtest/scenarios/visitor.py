"""What every visitor has: a token of its kind that never expires under way, and entities that exist."""

import os
import time
from typing import Any, ClassVar, Final, Literal

from loadtest.maker import maker_of
from loadtest.scenarios.feeders import Feeder
from loadtest.users import Call, PortalUser
from loadtest.variables import TOKEN_VARIABLE

REFRESH_AT: Final = 0.8
"""Of a token's life: late enough not to be load of its own, early enough for a slow answer."""
KNOWN_ENTITIES: Final = 500

Identity = Literal["static", "guest", "none"]


class NoToken(RuntimeError):
    """A static token is needed and was not given."""


class Visitor(PortalUser):
    """Endpoints asked with a guest's token are reported apart: they cost the backend more."""

    abstract = True
    identity: ClassVar[Identity] = "static"

    def prepare(self) -> None:
        self._token, self._refresh_at = "", 0.0
        if self.identity == "static":
            self._token = os.environ.get(TOKEN_VARIABLE, "")
            if not self._token:
                raise NoToken(f"{TOKEN_VARIABLE} is not set: the journeys need a static token of the backend")

    def ask(self, method: str, path: str, *, name: str, expect: int = 200, **settings: Any) -> Call:
        """A `call` as who the visitor is."""
        headers = dict(settings.pop("headers", {}))
        if self.identity != "none":
            headers["Authorization"] = f"Bearer {self.token()}"
        label = f"{name} (guest)" if self.identity == "guest" else name
        return self.call(method, path, name=label, expect=expect, headers=headers, **settings)

    def token(self) -> str:
        if self.identity == "guest" and time.monotonic() >= self._refresh_at:
            self._token, life_seconds = self.sign_in()
            self._refresh_at = time.monotonic() + REFRESH_AT * life_seconds
        return self._token

    def sign_in(self) -> tuple[str, float]:
        """A guest's token, and for how many seconds it is good."""
        with self.call("POST", "/api/auth/guest/refresh", name="/api/auth/guest/refresh", json={}) as answer:
            given = answer.json()["backstageIdentity"]
            token, life_seconds = str(given["token"]), float(given["expiresInSeconds"])
            assert token.count(".") == 2, "the token is no JWT"
            assert life_seconds > 0, "the token has expired already"
        return token, life_seconds

    def components(self) -> Feeder[str]:
        """Names of components, the same for all visitors of a process; the first one asks for them."""
        maker = maker_of(self.environment)
        assert maker is not None, "visitors come only while a run goes on"
        if "components" not in maker.feeders:
            path = (
                f"/api/catalog/entities/by-query?limit={KNOWN_ENTITIES}&filter=kind=component"
                "&fields=metadata.name&orderField=metadata.name,asc"
            )
            with self.ask("GET", path, name="(preparation) names of components") as answer:
                names = [item["metadata"]["name"] for item in answer.json()["items"]]
                assert names, "the catalog has no components"
            maker.feeders["components"] = Feeder(names, position=maker.position, workers=maker.workers)
        feeder: Feeder[str] = maker.feeders["components"]
        return feeder
