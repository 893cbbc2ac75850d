"""One receiver of each kind of connector that sends, behind the same handle."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import ip_network
from typing import Any

from connectors.http_json import HttpJsonConnector
from connectors.mock import MockConnector
from connectors.policy import ConnectorPolicy
from tests.connectors.http_receiver import SIGNING_SECRET, Endpoint, raw_endpoint, uvicorn_endpoint
from tests.connectors.readme_example import line_json_sender
from tests.connectors.sender import Sender

TRYING = ConnectorPolicy(
    allowed_networks=(ip_network("127.0.0.0/8"),), mock_allowed=True, plain_http_allowed=True
)
BEARER = "planted-bearer-4711"


def _orders(*endpoints: Endpoint) -> list[tuple[str, bytes]]:
    found = [order for endpoint in endpoints for order in endpoint.orders()]
    return [(order.headers["idempotency-key"], order.body) for order in found]


@asynccontextmanager
async def http_sender() -> AsyncIterator[Sender]:
    async def hang_up(writer: Any) -> None:
        """The reply lost after the server processed: closes without a word."""

    connector = HttpJsonConnector(TRYING)
    async with uvicorn_endpoint() as good, raw_endpoint(hang_up) as bad:
        values = {"signing_secret": SIGNING_SECRET, "bearer_token": BEARER, "connect_timeout_s": 3}
        yield Sender(
            connector,
            connector.parse({"url": good.url, **values}),
            connector.parse({"url": "http://127.0.0.1:1/orders", **values}),
            connector.parse({"url": bad.url, **values}),
            lambda: _orders(good, bad),
            secret=SIGNING_SECRET,
        )


@asynccontextmanager
async def mock_sender() -> AsyncIterator[Sender]:
    connector = MockConnector(TRYING)
    config = connector.parse({})
    refused = {"do": "fail", "code": "CONNECTION_REFUSED"}

    def arrived() -> list[tuple[str, bytes]]:
        orders = connector.erp(config).orders
        return [
            (key, order.document.encode()) for key, order in orders.items() for _ in range(order.deliveries)
        ]

    yield Sender(
        connector,
        config,
        connector.parse({"script": [refused], "test": refused}),
        connector.parse({"script": [{"do": "lose_answer"}]}),
        arrived,
    )


SENDERS: dict[str, Callable[[], AbstractAsyncContextManager[Sender]]] = {
    "http": http_sender,
    "readme": line_json_sender,
    "mock": mock_sender,
}
