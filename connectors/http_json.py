"""`HTTP_JSON_V1`: the order's document as a signed POST to the customer's endpoint.

At least once on the wire: a try whose answer was lost is posted again under the same `Idempotency-Key`, which
is the export's id. It is once in the ERP if the receiver honours that key; docs/connectors.md tells it so.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import uuid4

import httpx
from standardwebhooks import Webhook

from connectors.addresses import resolve_allowed
from connectors.configuration import ConfigRefused
from connectors.connector import Probed, Traits
from connectors.deadline import begun_within
from connectors.http_json_answers import kept, require_taken
from connectors.http_json_config import HttpJsonConfig
from connectors.port import Attempt, OnProgress
from connectors.sending_connector import SendingConnector
from domain.delivery import Delivery
from domain.transport import TransportCode, TransportError

ORDER, TEST = "order.export", "connection.test"
REACHED_S = 4.0  # for the TCP connection; TLS and the answer have the connection's own times
_READ_BYTES = 16 * 1024
_READ_S = 2.0
_PLAIN = "this deployment does not permit http://; use https://"
_SENTENCES = {
    TransportCode.CONNECTION_TIMEOUT: "Connection timeout: the endpoint did not answer in time",
    TransportCode.CONNECTION_REFUSED: "Connection refused: no server could be reached under the address",
    TransportCode.CONNECTION_LOST: "Connection lost: the endpoint went away before it had answered",
    TransportCode.SERVER_ERROR: "The endpoint does not speak HTTP or TLS as it should",
}

logging.getLogger("httpx").setLevel(logging.WARNING)  # it would write every address into the log

_EXAMPLE = {
    "url": "https://erp.example.com/countersign/orders",
    "signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "bearer_token": "…",
}


class HttpJsonConnector(SendingConnector[HttpJsonConfig]):
    config_model = HttpJsonConfig
    traits = Traits(title="A signed POST to the customer's endpoint", example=_EXAMPLE)

    def require_permitted(self, config: HttpJsonConfig) -> None:
        if not self._permitted(config):
            raise ConfigRefused([("url", _PLAIN)])

    def _permitted(self, config: HttpJsonConfig) -> bool:
        return self.policy.plain_http_allowed or config.url.startswith("https://")

    async def send(
        self, delivery: Delivery, config: HttpJsonConfig, attempt: Attempt, on_progress: OnProgress
    ) -> None:
        on_progress()
        headers = _headers(config, ORDER, str(delivery.export_id), delivery.document)
        headers["Countersign-File-Name"] = delivery.file_name
        await self._post(config, headers, delivery.document, attempt.answer)

    async def probe(self, config: HttpJsonConfig) -> Probed:
        """A signed POST that says that it is a test; the receiver answers 2xx and keeps nothing."""
        message = {"type": TEST, "timestamp": datetime.now(UTC).isoformat(timespec="seconds"), "data": {}}
        body = json.dumps(message)
        await self._post(config, _headers(config, TEST, f"test_{uuid4().hex}", body), body, {})
        return Probed()

    async def _post(
        self, config: HttpJsonConfig, headers: dict[str, str], body: str, noted: dict[str, Any]
    ) -> None:
        """
        Raises:
            TransportError: the endpoint did not answer 2xx; `unsent` unless the request was on its way.
        """
        if not self._permitted(config):
            raise TransportError(TransportCode.ADDRESS_NOT_ALLOWED, sentence=_PLAIN, unsent=True)
        sending = _Sending()
        try:
            async with asyncio.timeout(config.answer_timeout_s):
                await self._to_first_that_connects(config, headers, body, noted, sending)
        except TransportError as error:
            error.unsent = error.unsent or not sending.begun
            raise
        except (TimeoutError, httpx.TransportError) as error:
            raise _transport_error(error, unsent=not sending.begun) from None

    async def _to_first_that_connects(
        self,
        config: HttpJsonConfig,
        headers: dict[str, str],
        body: str,
        noted: dict[str, Any],
        sending: "_Sending",
    ) -> None:
        url = httpx.URL(config.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await resolve_allowed(url.host, port, self.policy, config.connect_timeout_s)
        refused: Exception | None = None
        # no proxy and nothing else from the environment: the connection goes to the address that was checked
        async with httpx.AsyncClient(
            verify=await self._trusted(config),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(config.answer_timeout_s, connect=config.connect_timeout_s),
        ) as client:
            for address in addresses:
                request = client.build_request(
                    "POST",
                    url.copy_with(host=address),
                    headers={"Host": url.netloc.decode(), **headers},
                    content=body.encode(),
                    extensions={"sni_hostname": url.host, "trace": sending.watch},
                )
                sending.reached = False
                try:
                    async with begun_within(REACHED_S, lambda: sending.reached):
                        response = await client.send(request, stream=True)
                except (httpx.ConnectError, TimeoutError) as error:
                    refused = error
                    continue
                try:
                    await _judge(response, config, noted)
                finally:
                    await response.aclose()
                return
        raise refused or httpx.ConnectError("no address")

    async def _trusted(self, config: HttpJsonConfig) -> ssl.SSLContext:
        if config.ca_certificates is None:
            return await asyncio.to_thread(lambda: self._public_authorities)
        return ssl.create_default_context(cadata=config.ca_certificates)

    @cached_property
    def _public_authorities(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


class _Sending:
    """Notices the TCP connection, and when the first byte of a request may have left.

    Before that byte, nothing was sent for sure.
    """

    def __init__(self) -> None:
        self.begun = False
        self.reached = False

    async def watch(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith("connect_tcp.complete"):
            self.reached = True
        if event.endswith("send_request_headers.started"):
            self.begun = True


def _headers(config: HttpJsonConfig, event: str, message_id: str, body: str) -> dict[str, str]:
    """Standard Webhooks, signed under each secret; the message's id, in every try, is the idempotency key."""
    at = datetime.now(UTC)
    keys = [config.signing_secret, config.previous_signing_secret]
    signatures = [Webhook(key.get_secret_value()).sign(message_id, at, body) for key in keys if key]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "countersign",
        "Accept-Encoding": "identity",
        "Idempotency-Key": message_id,
        "Countersign-Event": event,
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    if config.bearer_token is not None:
        headers["Authorization"] = f"Bearer {config.bearer_token.get_secret_value()}"
    return headers


async def _judge(response: httpx.Response, config: HttpJsonConfig, noted: dict[str, Any]) -> None:
    """By the status alone: a body that never ends, or breaks off, changes nothing about it."""
    body, whole = await start_of(response)
    noted["http_status"] = response.status_code
    noted["answer"] = kept(body, config.secrets(), whole=whole)
    require_taken(response.status_code, response.headers, datetime.now(UTC))


async def start_of(response: httpx.Response) -> tuple[bytes, bool]:
    """The first bytes of the body, bounded in size and time, and whether they are all of it."""
    read = bytearray()
    try:
        async with asyncio.timeout(_READ_S):
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) > _READ_BYTES:
                    return bytes(read[:_READ_BYTES]), False
    except (TimeoutError, httpx.TransportError):
        return bytes(read), False
    return bytes(read), True


def _transport_error(error: Exception, *, unsent: bool) -> TransportError:
    code = TransportCode.SERVER_ERROR
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in _chain(error)):
        return TransportError(TransportCode.CERTIFICATE_INVALID, type(error).__name__, unsent=unsent)
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        code = TransportCode.CONNECTION_TIMEOUT
    elif isinstance(error, httpx.ConnectError):
        tls = any(isinstance(each, ssl.SSLError) for each in _chain(error))
        code = TransportCode.SERVER_ERROR if tls else TransportCode.CONNECTION_REFUSED
    elif isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError)):
        code = TransportCode.CONNECTION_LOST
    return TransportError(code, type(error).__name__, sentence=_SENTENCES[code], unsent=unsent)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, which the library keeps as cause or context."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
