"""HTTP_JSON_V1 against endpoints that misbehave: what is sent, what each answer means, what is never done."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from connectors.configuration import ConfigRefused
from connectors.http_json import HttpJsonConnector, start_of
from connectors.http_json_answers import MEANINGS, kept, pause_s, require_taken
from connectors.http_json_config import HttpJsonConfig
from connectors.policy import ConnectorPolicy
from connectors.port import Attempt, no_progress
from domain.transport import TransportCode, TransportError
from tests.connectors.conftest import make_delivery
from tests.connectors.http_receiver import (
    SIGNING_SECRET,
    Answer,
    authority,
    raw_endpoint,
    status,
    uvicorn_endpoint,
)

OTHER_SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
BEARER = "planted-bearer-4711/x"
OPEN = ConnectorPolicy(allowed_networks=(ip_network("127.0.0.0/8"),), plain_http_allowed=True)
DELIVERY = make_delivery('{"größe": 1.2300}\n')
AT = datetime(2026, 11, 21, 8, tzinfo=UTC)


def values(url: str, **changes: Any) -> dict[str, Any]:
    return {
        "url": url,
        "signing_secret": SIGNING_SECRET,
        "connect_timeout_s": 3,
        "answer_timeout_s": 5,
        **changes,
    }


async def send(url: str, policy: ConnectorPolicy = OPEN, **changes: Any) -> dict[str, Any]:
    """Post the order; what the push log would show."""
    attempt = Attempt()
    connector = HttpJsonConnector(policy)
    await connector.send(DELIVERY, connector.parse(values(url, **changes)), attempt, no_progress)
    return attempt.answer


async def failure(url: str, policy: ConnectorPolicy = OPEN, **changes: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await send(url, policy, **changes)
    for secret in (SIGNING_SECRET, BEARER):
        assert secret not in f"{caught.value} {caught.value.technical}"
    return caught.value


async def test_the_receiver_can_verify_the_signature_with_the_standards_own_library() -> None:
    async with uvicorn_endpoint() as endpoint:
        assert await send(endpoint.url, bearer_token=BEARER) == {
            "http_status": 202,
            "answer": '{"taken": true}',
        }
    (order,) = endpoint.received
    assert order.body == DELIVERY.document.encode()
    assert order.headers["authorization"] == f"Bearer {BEARER}"
    assert order.headers["idempotency-key"] == order.headers["webhook-id"] == str(DELIVERY.export_id)
    assert order.headers["content-type"] == "application/json"
    assert order.headers["countersign-file-name"] == DELIVERY.file_name
    Webhook(SIGNING_SECRET).verify(order.body, order.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SIGNING_SECRET).verify(order.body + b" ", order.headers)


async def test_while_the_signing_secret_is_replaced_both_verify_and_a_leaked_one_can_be_dropped() -> None:
    connector = HttpJsonConnector(OPEN)
    async with uvicorn_endpoint() as endpoint:
        old = connector.parse(values(endpoint.url))
        new = connector.merge(old, {"signing_secret": OTHER_SECRET})
        alone = connector.merge(new, {"previous_signing_secret": None})
        for config in (new, alone):
            await connector.send(DELIVERY, config, Attempt(), no_progress)
    both, one = endpoint.received
    for secret in (SIGNING_SECRET, OTHER_SECRET):
        Webhook(secret).verify(both.body, both.headers)
    Webhook(OTHER_SECRET).verify(one.body, one.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SIGNING_SECRET).verify(one.body, one.headers)
    assert connector.merge(new, {"url": endpoint.url}).previous_signing_secret is not None


async def test_the_connection_test_is_a_signed_post_that_says_so() -> None:
    connector = HttpJsonConnector(OPEN)
    async with uvicorn_endpoint() as endpoint:
        result = await connector.test_connection(connector.parse(values(endpoint.url)))
    assert result.success
    (ping,) = endpoint.received
    assert ping.headers["countersign-event"] == "connection.test"
    assert Webhook(SIGNING_SECRET).verify(ping.body, ping.headers)["type"] == "connection.test"


@pytest.mark.parametrize("code", sorted({*MEANINGS, 300, 302, 304, 307, 402, 418, 451, 500, 501, 503, 599}))
async def test_every_answer_but_2xx_is_an_error_with_a_sentence(code: int) -> None:
    async with raw_endpoint(status(code, b"because", Location="http://169.254.169.254/")) as endpoint:
        error = await failure(endpoint.url)
    assert f"HTTP {code}" in error.sentence
    retried = code >= 500 or code in {408, 409, 425, 429}
    assert error.retryable is retried
    # what is not tried again was refused before anything was taken; of the rest, a request for a pause
    assert error.unsent is (not retried or code in {425, 429})
    assert len(endpoint.received) == 1


@pytest.mark.parametrize("code", [200, 201, 202, 204])
async def test_every_2xx_is_taken(code: int) -> None:
    async with raw_endpoint(status(code)) as endpoint:
        assert (await send(endpoint.url))["http_status"] == code


async def test_a_redirect_to_the_metadata_service_or_back_is_not_followed() -> None:
    for place in ("http://169.254.169.254/latest/meta-data/", "/elsewhere"):
        async with raw_endpoint(status(307, Location=place)) as endpoint:
            error = await failure(endpoint.url)
        assert error.code is TransportCode.REDIRECT_REFUSED
        assert len(endpoint.received) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7.0), ("0", 1.0), ("99999999999", 300.0), ("-3", None), ("soon", None), ("²", None), (None, None)],
)
def test_retry_after_is_honoured_within_reason(said: str | None, seconds: float | None) -> None:
    assert pause_s(said, AT) == seconds
    with pytest.raises(TransportError) as caught:
        require_taken(429, {} if said is None else {"retry-after": said}, AT)
    assert caught.value.retry_after_s == seconds


def test_retry_after_may_be_a_date() -> None:
    assert pause_s(format_datetime(AT + timedelta(seconds=30), usegmt=True), AT) == 30
    assert pause_s(format_datetime(AT - timedelta(days=1), usegmt=True), AT) == 1


async def _hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Says nothing and closes: the reply is lost after the receiver processed the order."""


async def _rubbish(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def _dripping_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        (_hang, {TransportCode.CONNECTION_TIMEOUT}),
        (_hang_up, {TransportCode.CONNECTION_LOST}),
        (_rubbish, {TransportCode.CONNECTION_LOST}),
        (_dripping_head, {TransportCode.CONNECTION_TIMEOUT, TransportCode.CONNECTION_LOST}),
    ],
)
async def test_without_an_answer_the_outcome_stays_open(answer: Answer, codes: set[TransportCode]) -> None:
    async with raw_endpoint(answer) as endpoint:
        error = await failure(endpoint.url, answer_timeout_s=1)
    assert error.code in codes
    assert error.retryable
    assert not error.unsent
    assert len(endpoint.received) == 1


async def test_a_lost_reply_makes_a_second_post_with_the_same_key_and_nothing_else() -> None:
    async with raw_endpoint(_hang_up, status(200)) as endpoint:
        await failure(endpoint.url)
        await send(endpoint.url)
    first, second = endpoint.received
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == str(DELIVERY.export_id)
    assert first.body == second.body


async def _dripping_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _huge_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 10000000000\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


@pytest.mark.parametrize("answer", [_dripping_body, _huge_body])
async def test_an_endless_body_is_cut_and_the_status_counts(answer: Answer) -> None:
    async with raw_endpoint(answer) as endpoint:
        noted = await send(endpoint.url)
    assert noted["http_status"] == 202
    assert len(noted["answer"]) <= 2048


async def test_no_more_than_a_few_kilobytes_of_an_answer_are_read() -> None:
    class Endless:
        chunks = 0

        async def aiter_raw(self) -> AsyncIterator[bytes]:
            while True:
                self.chunks += 1
                yield b"x" * 4096
                await asyncio.sleep(0)

    endless: Any = Endless()
    read, whole = await start_of(endless)
    assert (len(read), whole) == (16 * 1024, False)
    assert endless.chunks <= 5


async def _gzipped(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")


async def test_an_answer_is_never_unpacked() -> None:
    async with raw_endpoint(_gzipped) as endpoint:
        assert (await send(endpoint.url))["answer"] == "nope"
    assert endpoint.received[0].headers["accept-encoding"] == "identity"


async def test_an_answer_that_echoes_our_secrets_is_kept_without_them() -> None:
    escaped = BEARER.replace("/", "\\/")
    echo = f'{{"auth": "Bearer {BEARER}", "again": "{escaped}", "key": "{SIGNING_SECRET}", "\x1b[2J": 1}}'
    async with raw_endpoint(status(500, echo.encode())) as endpoint:
        attempt, connector = Attempt(), HttpJsonConnector(OPEN)
        config = connector.parse(values(endpoint.url, bearer_token=BEARER))
        with pytest.raises(TransportError) as caught:
            await connector.send(DELIVERY, config, attempt, no_progress)
    for text in (str(attempt.answer), str(caught.value)):
        assert BEARER not in text
        assert escaped not in text
        assert SIGNING_SECRET not in text
    assert "\x1b" not in attempt.answer["answer"]
    assert "[redacted]" in attempt.answer["answer"]


def test_half_a_secret_at_the_end_of_a_cut_answer_is_left_out() -> None:
    assert "planted" not in kept(b"x" + BEARER[:8].encode(), [BEARER], whole=False)


async def test_tls_is_verified_against_the_given_authority(tmp_path: Path) -> None:
    pem, context = authority(tmp_path)
    async with raw_endpoint(status(200), tls=context) as endpoint:
        assert (await send(endpoint.url, ca_certificates=pem))["http_status"] == 200


@pytest.mark.parametrize("case", ["unknown authority", "another name"])
async def test_a_wrong_certificate_is_refused_and_nothing_is_sent(tmp_path: Path, case: str) -> None:
    pem, context = authority(tmp_path, dns=None if case == "unknown authority" else "other.example")
    async with raw_endpoint(status(200), tls=context) as endpoint:
        error = await failure(endpoint.url, ca_certificates=pem if case == "another name" else None)
    assert error.code is TransportCode.CERTIFICATE_INVALID
    assert not error.retryable
    assert error.unsent
    assert endpoint.received == []


async def test_a_server_without_tls_behind_https_is_no_order_sent() -> None:
    async with raw_endpoint(status(200)) as endpoint:
        error = await failure(endpoint.url.replace("http:", "https:"))
    assert error.code in {TransportCode.SERVER_ERROR, TransportCode.CONNECTION_TIMEOUT}
    assert error.unsent


async def test_the_name_is_resolved_once_checked_and_shown_to_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem, context = authority(tmp_path, dns="erp.example")
    shown: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: shown.append(name)
    loop = asyncio.get_running_loop()
    asked: list[str] = []
    real = loop.getaddrinfo

    async def resolve(host: Any, port: Any, **options: Any) -> Any:
        asked.append(host)
        return await real("127.0.0.1" if host == "erp.example" else host, port, **options)

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    async with raw_endpoint(status(200), tls=context) as endpoint:
        url = endpoint.url.replace("127.0.0.1", "erp.example")
        await send(url, ca_certificates=pem)
    assert asked.count("erp.example") == 1
    assert shown == ["erp.example"]
    assert endpoint.received[0].headers["host"] == url.split("/")[2]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1"]
)
async def test_addresses_of_our_own_network_are_refused(host: str) -> None:
    error = await failure(f"https://{host}/orders", ConnectorPolicy())
    assert error.code in {TransportCode.ADDRESS_NOT_ALLOWED, TransportCode.CONNECTION_REFUSED}
    assert error.unsent


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with uvicorn_endpoint() as endpoint:
        assert (await send(endpoint.url))["http_status"] == 202


async def test_plain_http_needs_the_deployments_permission_when_saved_and_when_sent() -> None:
    strict = HttpJsonConnector(ConnectorPolicy(allowed_networks=OPEN.allowed_networks))
    async with uvicorn_endpoint() as endpoint:
        with pytest.raises(ConfigRefused, match="use https"):
            strict.parse(values(endpoint.url))
        saved = HttpJsonConnector(OPEN).parse(values(endpoint.url))
        with pytest.raises(ConfigRefused, match="use https"):
            strict.merge(saved, {})
        with pytest.raises(TransportError) as caught:
            await strict.send(DELIVERY, saved, Attempt(), no_progress)
    assert caught.value.code is TransportCode.ADDRESS_NOT_ALLOWED
    assert endpoint.received == []


async def test_a_host_with_a_dead_and_a_living_address_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(host: str, port: int, policy: Any, timeout_s: float) -> list[str]:
        return ["127.0.0.99", "127.0.0.1"]

    monkeypatch.setattr("connectors.http_json.resolve_allowed", both)
    async with uvicorn_endpoint() as endpoint:
        await send(endpoint.url)
    assert len(endpoint.received) == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"url": "ftp://erp.example/"}, "https://erp.example.com/orders"),
    ({"url": "https://"}, "https://erp.example.com/orders"),
    ({"url": "https://user:planted@erp.example/"}, "use bearer_token"),
    ({"url": "https://erp.example/#part"}, "fragment"),
    ({"url": "https://erp.example/a b"}, "blanks"),
    ({"url": "https://erp.example/\r\nX: 1"}, "blanks or control"),
    ({"url": "https://erp.example:0/"}, "host"),
    ({"url": "https://erp.example:99999/"}, "is not an address"),
    ({"url": "https://[fe80::1%25eth0]/"}, "host"),
    ({"url": "https://érp.example/"}, "ASCII"),
    ({"signing_secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "whsec_"),
    ({"signing_secret": "whsec_c2hvcnQ="}, "24 to 64"),
    ({"signing_secret": "whsec_!!!"}, "24 to 64"),
    ({"bearer_token": "Bearer abc"}, "without the word Bearer"),
    ({"bearer_token": "a\r\nb"}, "line breaks"),
    ({"ca_certificates": "nonsense"}, "PEM"),
    ({"ca_certificates": "kein Zertifikat für niemanden"}, "PEM"),
    ({"signing_secret": "whsec_schlüssel"}, "base64"),
    ({"answer_timeout_s": 120}, "less than or equal to 90"),
    ({"surprise": 1}, "Extra inputs"),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED)
def test_a_bad_configuration_is_refused_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigRefused) as caught:
        HttpJsonConfig.parse(values("https://erp.example/orders") | changes)
    assert sentence in str(caught.value)
    assert "planted" not in str(caught.value)
