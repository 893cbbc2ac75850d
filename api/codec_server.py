"""Decrypts payloads for the Temporal Web UI and CLI: `uvicorn api.codec_server:create_codec_app --factory`.

On a port of its own. Whoever may use it reads every org's drafts, so a tenant's token opens nothing here:
in production a request carries an engineer's token (COUNTERSIGN_CODEC_JWKS_URL, …_ISSUER, …_AUDIENCE).
Without those it serves loopback callers only, which is what the embedded stack does.
"""

from ipaddress import ip_address

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from starlette.middleware.cors import CORSMiddleware
from temporalio.api.common.v1 import Payloads

from api.answer_headers import AnswerHeaders
from api.jwks import JwksTokens, KeysUnavailable, TokenInvalid
from api.problems import Problem, install
from api.request_limits import RequestLimits
from api.requests import RequestGuard
from config.codec import EncryptionCodec
from config.keys import EncryptionError, KeyRing
from config.logs import configure_logs
from config.settings import Settings, load_settings

log = structlog.get_logger(__name__)

ALGORITHMS = ["RS256", "ES256", "EdDSA"]


class Engineers:
    """Who may decrypt: holders of a token of the engineers' identity provider, or callers on loopback."""

    def __init__(self, settings: Settings) -> None:
        self._tokens: JwksTokens | None = None
        if settings.codec_jwks_url:
            self._tokens = JwksTokens(
                settings.codec_jwks_url,
                ALGORITHMS,
                issuer=settings.codec_issuer or "",
                audience=settings.codec_audience or "",
                required=["sub", "exp", "iss", "aud"],
            )

    async def admit(self, request: Request) -> str:
        """The engineer's name, for the log.

        Raises:
            Problem: 401 for a missing or bad token, 403 for a caller from elsewhere, 503 without keys.
        """
        if self._tokens is None:
            host = request.client.host if request.client else ""
            if not _is_loopback(host):
                raise Problem(403, "Without an identity provider the codec serves loopback callers only")
            return "loopback"
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "This needs an engineer's bearer token")
        try:
            return str((await self._tokens.claims(token))["sub"])
        except KeysUnavailable:
            raise Problem(503, "The engineers' identity provider did not answer") from None
        except TokenInvalid:
            raise Problem(401, "The engineer's token is not valid") from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def create_codec_app(settings: Settings | None = None) -> FastAPI:
    known = settings or load_settings()
    configure_logs(known.log_level)
    codec = EncryptionCodec(KeyRing.from_settings(known))
    engineers = Engineers(known)
    app = FastAPI(title="Countersign codec", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/decode")
    async def decode(request: Request) -> JSONResponse:
        """`{"payloads": […]}` in, the same out, decrypted."""
        engineer = await engineers.admit(request)
        given = await _payloads(request)
        try:
            opened = await codec.decode(given.payloads)
        except EncryptionError as error:
            raise Problem(400, f"The payload cannot be read: {error}") from None
        log.info("payloads_decoded", engineer=engineer, count=len(opened))
        return _answer(Payloads(payloads=opened))

    @app.post("/encode")
    async def encode(request: Request) -> JSONResponse:
        """The way back, for signals sent from the Web UI."""
        await engineers.admit(request)
        given = await _payloads(request)
        return _answer(Payloads(payloads=await codec.encode(given.payloads)))

    install(app)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=known.codec_origins,
        allow_methods=["POST"],
        allow_headers=["content-type", "x-namespace", "authorization"],
    )
    app.add_middleware(RequestLimits)
    app.add_middleware(RequestGuard, answer_within_s=known.answer_within_s, exempt=())
    app.add_middleware(AnswerHeaders, hsts_s=known.hsts_s)
    return app


async def _payloads(request: Request) -> Payloads:
    try:
        given = await request.json()
        if isinstance(given, dict):
            return ParseDict(given, Payloads())
    except (ParseError, ValueError, RecursionError):
        pass
    raise Problem(422, 'Send {"payloads": [{"metadata": …, "data": …}]}', errors=[])


def _answer(payloads: Payloads) -> JSONResponse:
    return JSONResponse(MessageToDict(payloads))
