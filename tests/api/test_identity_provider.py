"""Tokens of an identity provider: real keys, a real key server on loopback, and what an attacker sends."""

import base64
import dataclasses
import hashlib
import hmac
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI

from api import jwks
from api.codec_server import create_codec_app
from api.rooms import Rooms
from api.tokens import Tokens
from config.settings import Settings
from domain.statuses import Role
from tests.api.conftest import PASSWORD, TestOrg

RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
SMALL_RSA = rsa.generate_private_key(65537, 1024)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
LOCAL_SECRET = "0123456789abcdef0123456789abcdef"


def jwk(key: Any, kid: str, **fields: Any) -> dict[str, Any]:
    kinds: dict[type, Any] = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    algorithm = next(made for kind, made in kinds.items() if isinstance(key, kind))
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **fields}


class Provider:
    """A key server: what it answers, how it misbehaves, and how often it was asked."""

    def __init__(self) -> None:
        self.keys = [jwk(RSA, "one"), jwk(EC, "ec"), jwk(ED, "ed"), jwk(SMALL_RSA, "small")]
        self.keys.append(
            {"kty": "oct", "kid": "oct", "k": base64.urlsafe_b64encode(PEM).decode().rstrip("=")}
        )
        self.mode = "right"
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        if self.mode == "hangs":
            time.sleep(3)
            return
        if self.mode == "redirects":
            request.send_response(302)
            request.send_header("Location", "/elsewhere")
            request.end_headers()
            return
        body = {"right": json.dumps({"keys": self.keys}), "no json": "<html>", "empty": '{"keys": []}'}
        request.send_response(500 if self.mode == "error" else 200)
        request.end_headers()
        request.wfile.write(body.get(self.mode, "[]").encode())


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def with_provider(settings: Settings, provider: Provider) -> Callable[..., Settings]:
    def make(**changes: Any) -> Settings:
        values = {"jwt_jwks_url": provider.url, "jwt_algorithm": "RS256", **changes}
        return Settings.model_validate({**settings.model_dump(), **values})

    return make


Ask = Callable[[str], Any]


@pytest_asyncio.fixture
async def ask(app: FastAPI, rooms: Rooms, with_provider: Callable[..., Settings]) -> AsyncIterator[Ask]:
    """GET /me with a token, where the identity provider signs with RS256."""
    app.state.rooms = dataclasses.replace(rooms, tokens=Tokens(with_provider()))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:

        async def get(token: str) -> httpx.Response:
            return await client.get("/me", headers={"Authorization": f"Bearer {token}"})

        yield get


def claims(whose: TestOrg, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {
        "sub": str(whose.users[Role.OPS]), "org": str(whose.id), "role": "OPS", "iat": now, "exp": now + 60,
        "iss": "countersign", "aud": "countersign-api",
    }  # fmt: skip
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def sign(whose: TestOrg, key: Any = RSA, kid: str | None = "one", alg: str = "RS256", **changes: Any) -> str:
    headers = changes.pop("headers", {})
    if kid is not None:
        headers = {**headers, "kid": kid}
    return jwt.encode(claims(whose, **changes), key, algorithm=alg, headers=headers)


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def by_hand(header: dict[str, Any], body: dict[str, Any], secret: bytes | None) -> str:
    """What a library refuses to make: a token of any header, signed by HMAC or not at all."""
    text = f"{part(header)}.{part(body)}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), hashlib.sha256)) if secret is not None else ''}"


async def test_the_providers_token_opens_the_api(ask: Ask, orgs: dict[str, TestOrg]) -> None:
    answer = await ask(sign(orgs["demo"]))
    assert answer.status_code == 200
    assert answer.json()["user"]["email"] == "ops@demo.example"


@pytest.mark.parametrize(
    ("algorithm", "key", "kid"), [("RS256", RSA, "one"), ("ES256", EC, "ec"), ("EdDSA", ED, "ed")]
)
async def test_each_algorithm_works_where_it_is_configured_and_only_there(
    with_provider: Callable[..., Settings], orgs: dict[str, TestOrg], algorithm: str, key: Any, kid: str
) -> None:
    token = sign(orgs["demo"], key, kid, algorithm)
    for configured in ("RS256", "ES256", "EdDSA"):
        tokens = Tokens(with_provider(jwt_algorithm=configured))
        if configured == algorithm:
            assert (await tokens.read(token)).org_id == orgs["demo"].id
        else:
            with pytest.raises(jwks.TokenInvalid):
                await tokens.read(token)


def now() -> int:
    return int(time.time())


HMAC = {"alg": "HS256", "kid": "one"}

HOSTILE: dict[str, Callable[[TestOrg], str]] = {
    "signed by another key": lambda org: sign(org, OTHER_RSA),
    "HMAC with the public key as the secret": lambda org: by_hand(HMAC, claims(org), PEM),
    "HMAC that says RS256": lambda org: by_hand({"alg": "RS256", "kid": "one"}, claims(org), PEM),
    "HMAC with a published symmetric key": lambda org: by_hand({**HMAC, "kid": "oct"}, claims(org), PEM),
    "our own secret, which no longer counts": lambda org: sign(org, LOCAL_SECRET, None, "HS256"),
    "no signature": lambda org: by_hand({"alg": "none", "kid": "one"}, claims(org), None),
    "no signature, another spelling": lambda org: by_hand({"alg": "nOnE", "kid": "one"}, claims(org), None),
    "signature cut off": lambda org: sign(org).rpartition(".")[0] + ".",
    "an algorithm that is not configured": lambda org: sign(org, alg="RS512"),
    "another kind of key": lambda org: sign(org, EC, "ec", "ES256"),
    "another kind of key under our algorithm": lambda org: sign(org, RSA, "ec"),
    "a key too small": lambda org: sign(org, SMALL_RSA, "small"),
    "a key of its own in the header": lambda org: sign(
        org, OTHER_RSA, headers={"jwk": jwk(OTHER_RSA, "one")}
    ),
    "a key address of its own in the header": lambda org: sign(
        org, OTHER_RSA, headers={"jku": "http://127.0.0.1:1/jwks", "x5u": "http://127.0.0.1:1/x"}
    ),
    "no key id": lambda org: sign(org, kid=None),
    "an unknown key id": lambda org: sign(org, kid="two"),
    "a path as key id": lambda org: sign(org, kid="../../dev/null"),
    "a list as key id": lambda org: by_hand({"alg": "RS256", "kid": ["one"]}, claims(org), PEM),
    "expired": lambda org: sign(org, exp=now() - 60),
    "expired beyond the leeway": lambda org: sign(org, exp=now() - 11),
    "not yet valid": lambda org: sign(org, nbf=now() + 60),
    "issued in the future": lambda org: sign(org, iat=now() + 60),
    "without exp": lambda org: sign(org, exp=None),
    "without iat": lambda org: sign(org, iat=None),
    "without iss": lambda org: sign(org, iss=None),
    "without aud": lambda org: sign(org, aud=None),
    "without sub": lambda org: sign(org, sub=None),
    "without org": lambda org: sign(org, org=None),
    "another issuer": lambda org: sign(org, iss="https://evil.example"),
    "another audience": lambda org: sign(org, aud="billing"),
    "a subject that is no user's id": lambda org: sign(org, sub="ops@demo.example"),
    "an org that is no id": lambda org: sign(org, org="demo"),
    "exp that is no number": lambda org: sign(org, exp="soon"),
    "exp beyond all calendars": lambda org: sign(org, exp=10**30),
    "a header nested deep": lambda org: f"{part(b'[' * 3000)}.{part(claims(org))}.x",
    "endless": lambda org: "a" * 60_000,
    "dots": lambda _: "...",
    "not a token": lambda _: "x",
}  # fmt: skip


@pytest.mark.parametrize("how", HOSTILE)
async def test_a_hostile_token_is_401(ask: Ask, orgs: dict[str, TestOrg], how: str) -> None:
    answer = await ask(HOSTILE[how](orgs["demo"]))
    assert answer.status_code == 401, answer.text
    assert answer.json()["code"] == "AUTH_REQUIRED"


async def test_clocks_may_differ_by_a_few_seconds(ask: Ask, orgs: dict[str, TestOrg]) -> None:
    assert (await ask(sign(orgs["demo"], iat=now() + 5, nbf=now() + 5))).status_code == 200
    assert (await ask(sign(orgs["demo"], exp=now() - 5))).status_code == 200


async def test_keys_are_kept_and_only_the_configured_address_is_asked(
    ask: Ask, provider: Provider, orgs: dict[str, TestOrg]
) -> None:
    for _ in range(5):
        assert (await ask(sign(orgs["demo"], headers={"jku": provider.url + "/mine"}))).status_code == 200
    assert provider.asked == ["/jwks"]


async def test_a_new_key_is_fetched_but_a_flood_of_unknown_ones_asks_once(
    ask: Ask, provider: Provider, orgs: dict[str, TestOrg], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await ask(sign(orgs["demo"]))).status_code == 200
    for number in range(30):
        assert (await ask(sign(orgs["demo"], kid=f"made-up-{number}"))).status_code == 401
    assert len(provider.asked) == 1
    provider.keys.append(jwk(OTHER_RSA, "two"))
    assert (await ask(sign(orgs["demo"], OTHER_RSA, "two"))).status_code == 401
    monkeypatch.setattr(jwks, "RETRY_S", 0.0)
    assert (await ask(sign(orgs["demo"], OTHER_RSA, "two"))).status_code == 200
    assert len(provider.asked) == 2


async def test_junk_does_not_make_us_ask_the_provider(
    ask: Ask, provider: Provider, orgs: dict[str, TestOrg]
) -> None:
    for how in (
        "no signature",
        "our own secret, which no longer counts",
        "not a token",
        "endless",
        "no key id",
    ):
        assert (await ask(HOSTILE[how](orgs["demo"]))).status_code == 401
    assert provider.asked == []


async def test_a_key_that_the_provider_withdrew_is_no_longer_good(
    ask: Ask, provider: Provider, orgs: dict[str, TestOrg], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await ask(sign(orgs["demo"]))).status_code == 200
    provider.keys = [jwk(OTHER_RSA, "two")]
    assert (await ask(sign(orgs["demo"]))).status_code == 200
    monkeypatch.setattr(jwks, "FRESH_S", 0.0)
    monkeypatch.setattr(jwks, "RETRY_S", 0.0)
    assert (await ask(sign(orgs["demo"]))).status_code == 401


@pytest.mark.parametrize("mode", ["hangs", "error", "no json", "empty", "a list", "redirects"])
async def test_a_provider_that_does_not_give_keys_is_503_in_time(
    ask: Ask, provider: Provider, orgs: dict[str, TestOrg], mode: str
) -> None:
    provider.mode = mode
    began = time.monotonic()
    first, second = await ask(sign(orgs["demo"])), await ask(sign(orgs["demo"]))
    assert time.monotonic() - began < 2.7
    for answer in (first, second):
        assert answer.status_code == 503
        assert answer.json()["code"] == "DEPENDENCY_ERROR"
        assert "retry-after" in answer.headers
    assert provider.asked == ["/jwks"]


async def test_known_keys_outlive_a_provider_that_is_away_but_not_for_ever(
    ask: Ask, provider: Provider, orgs: dict[str, TestOrg], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await ask(sign(orgs["demo"]))).status_code == 200
    provider.mode = "error"
    monkeypatch.setattr(jwks, "FRESH_S", 0.0)
    monkeypatch.setattr(jwks, "RETRY_S", 0.0)
    assert (await ask(sign(orgs["demo"]))).status_code == 200
    assert (await ask(sign(orgs["demo"], kid="perhaps-new"))).status_code == 503
    monkeypatch.setattr(jwks, "USABLE_S", 0.0)
    assert (await ask(sign(orgs["demo"]))).status_code == 503


async def test_a_provider_that_nobody_serves_is_noticed(
    orgs: dict[str, TestOrg], with_provider: Callable[..., Settings]
) -> None:
    tokens = Tokens(with_provider(jwt_jwks_url="http://127.0.0.1:1/jwks"))
    with pytest.raises(jwks.KeysUnavailable):
        await tokens.read(sign(orgs["demo"]))


@pytest.mark.usefixtures("orgs")
async def test_with_a_provider_nobody_logs_in_here(
    app: FastAPI, rooms: Rooms, with_provider: Callable[..., Settings]
) -> None:
    app.state.rooms = dataclasses.replace(rooms, tokens=Tokens(with_provider()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        body = {"org_slug": "demo", "email": "ops@demo.example", "password": PASSWORD}
        answer = await client.post("/auth/login", json=body)
    assert answer.status_code == 403
    assert "identity provider" in answer.json()["detail"]


async def test_a_user_whom_we_do_not_know_or_who_was_switched_off_stays_outside(
    ask: Ask, orgs: dict[str, TestOrg]
) -> None:
    stranger = sign(orgs["demo"], sub="00000000-0000-0000-0000-000000000001")
    assert (await ask(stranger)).status_code == 401
    assert (await ask(sign(orgs["demo"], org=str(orgs["other"].id)))).status_code == 401


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"jwt_secret": None}, "JWT_SECRET"),
        ({"jwt_jwks_url": "http://idp.example/jwks"}, "https"),
        ({"jwt_jwks_url": "file:///etc/passwd"}, "https"),
        ({"jwt_jwks_url": "https://idp.example/jwks", "jwt_algorithm": "HS256"}, "RS256"),
        ({"jwt_jwks_url": "https://idp.example/jwks", "jwt_algorithm": "none"}, "RS256"),
        (
            {"codec_jwks_url": "https://idp.example/jwks", "codec_audience": "codec"},
            "COUNTERSIGN_CODEC_ISSUER",
        ),
        ({"codec_jwks_url": "https://idp.example/jwks", "codec_issuer": "idp"}, "COUNTERSIGN_CODEC_AUDIENCE"),
    ],
)
def test_settings_that_would_open_a_door_stop_the_start(settings: Settings, changes: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Settings.model_validate({**settings.model_dump(), **changes})


def test_with_a_provider_no_secret_is_needed(settings: Settings) -> None:
    changes = {"jwt_jwks_url": "https://idp.example/jwks", "jwt_secret": None}
    assert not Tokens(Settings.model_validate({**settings.model_dump(), **changes})).issued_here


async def test_the_codec_takes_engineers_tokens_and_no_tenants(
    settings: Settings, provider: Provider, orgs: dict[str, TestOrg]
) -> None:
    values = {"codec_jwks_url": provider.url, "codec_issuer": "engineers", "codec_audience": "codec"}
    app = create_codec_app(Settings.model_validate({**settings.model_dump(), **values}))

    async def decode(token: str | None) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://codec") as client:
            return (await client.post("/decode", json={"payloads": []}, headers=headers)).status_code

    org = orgs["demo"]
    assert await decode(sign(org, iss="engineers", aud="codec")) == 200
    assert await decode(sign(org, EC, "ec", "ES256", iss="engineers", aud="codec")) == 200
    assert await decode(sign(org)) == 401
    assert await decode(sign(org, iss="engineers")) == 401
    assert await decode(by_hand(HMAC, claims(org), PEM)) == 401
    assert await decode(None) == 401
