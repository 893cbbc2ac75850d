"""Configuration of an `HTTP_JSON_V1` connection."""

import base64
import re
import ssl
from collections.abc import Mapping
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, Field, SecretStr

from connectors.configuration import ConnectorConfig

_PREFIX = "whsec_"
_HOST = re.compile(r"[A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\]")
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750, "b64token"


def _url(text: str) -> str:
    if any(character <= " " or character == "\x7f" for character in text):
        raise ValueError("must not contain blanks or control characters")
    try:
        parts = urlsplit(text)
        port, netloc, host = parts.port, parts.netloc, parts.hostname
    except ValueError:
        raise ValueError("is not an address") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise ValueError("must be an address like https://erp.example.com/orders")
    if "@" in netloc:
        raise ValueError("must not hold a user name or password; use bearer_token")
    if parts.fragment or "#" in text:
        raise ValueError("must not have a fragment (#…)")
    name = netloc.removesuffix(f":{port}") if port is not None else netloc.removesuffix(":")
    if not _HOST.fullmatch(name) or port == 0:
        raise ValueError("must name a host as ASCII or an IP address, and a port if it is not the usual one")
    try:
        httpx.URL(text)
    except httpx.InvalidURL:
        raise ValueError("is not an address") from None
    return text


def _signing_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError('must be "whsec_" and the base64 of 24 to 64 random bytes')
    return value


def _bearer(value: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError("must be the token only, without the word Bearer, blanks or line breaks")
    return value


def _certificates(text: str) -> str:
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, TypeError, ValueError):  # TypeError: not ASCII
        raise ValueError("must be one or more CA certificates in PEM") from None
    return text


SigningSecret = Annotated[SecretStr, Field(max_length=128), AfterValidator(_signing_secret)]


class HttpJsonConfig(ConnectorConfig):
    """Where orders are posted and how the receiver knows that they are ours. Times in seconds."""

    url: Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_url)]
    signing_secret: SigningSecret = Field(description="shared with the receiver; Standard Webhooks")
    previous_signing_secret: SigningSecret | None = Field(
        None, description="signs as well, for as long as the receiver may still have it"
    )
    bearer_token: Annotated[SecretStr, Field(max_length=4096), AfterValidator(_bearer)] | None = Field(
        None, description="sent as Authorization: Bearer …"
    )
    ca_certificates: Annotated[str, Field(max_length=65536), AfterValidator(_certificates)] | None = Field(
        None, description="PEM; then only these are trusted, in place of the public ones"
    )
    connect_timeout_s: float = Field(10, gt=0, le=30)
    answer_timeout_s: float = Field(30, gt=0, le=90, description="for a whole try")

    @property
    def destination(self) -> str:
        return self.url

    def merged(self, changes: Mapping[str, Any]) -> Self:
        """A copy with `changes`; a new signing secret keeps the old one beside it, unless told otherwise."""
        values = dict(changes)
        if changes.get("signing_secret") and "previous_signing_secret" not in changes:
            values["previous_signing_secret"] = self.signing_secret.get_secret_value()
        return super().merged(values)

    def secrets(self) -> list[str]:
        """In clear: to sign with, and to keep out of whatever a receiver answers."""
        held = (self.signing_secret, self.previous_signing_secret, self.bearer_token)
        return [secret.get_secret_value() for secret in held if secret is not None]
