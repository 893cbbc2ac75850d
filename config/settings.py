"""Settings of every process, read from the environment once, at start.

Secrets have no default: a process that lacks one stops with a sentence that names the variable.
"""

import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SettingsError(Exception):
    """A setting is missing or wrong; the text names the variable and what it must be."""


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


CommaList = NoDecode


def _env(name: str) -> AliasChoices:
    return AliasChoices(name)


_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SENDER = re.compile(r"[^@<>\r\n]*<[^@<>\s]+@[^@<>\s]+>|[^@<>\s]+@[^@<>\s]+")
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")
_KEY_FORM = "every key must be 64 hex characters (32 random bytes), as `openssl rand -hex 32` prints them"


class KeySettings(BaseSettings):
    """What opens the stored secrets: all that `countersign keys` needs."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    database_url: SecretStr = Field(
        validation_alias=_env("DATABASE_URL"),
        description="postgresql+asyncpg://… of the application role (not the owner)",
    )
    encryption_master_key: SecretStr = Field(validation_alias=_env("ENCRYPTION_MASTER_KEY"))
    encryption_previous_keys: Annotated[list[SecretStr], CommaList] = Field(
        default_factory=list, validation_alias=_env("ENCRYPTION_PREVIOUS_KEYS")
    )

    @field_validator("encryption_previous_keys", mode="before")
    @classmethod
    def _separate_keys(cls, value: object) -> object:
        return _split(value)

    @field_validator("encryption_master_key", "encryption_previous_keys")
    @classmethod
    def _usable_keys(cls, value: SecretStr | list[SecretStr]) -> SecretStr | list[SecretStr]:
        for key in value if isinstance(value, list) else [value]:
            if not _HEX_KEY.fullmatch(key.get_secret_value()):
                raise ValueError(_KEY_FORM)
        return value


class WorkflowSettings(KeySettings):
    """What reaches rows and workflows: all that `countersign reconcile` and `restore` need."""

    task_queue: str = Field("countersign", validation_alias=_env("COUNTERSIGN_TASK_QUEUE"))
    answer_within_s: float = Field(2.7, validation_alias=_env("COUNTERSIGN_ANSWER_WITHIN_S"), gt=0, le=30)


class Settings(WorkflowSettings):
    """All knobs. Times end in `_s` (seconds); docs/operators.md lists them for people."""

    jwt_secret: Annotated[SecretStr, Field(min_length=32)] | None = Field(
        None, validation_alias=_env("JWT_SECRET")
    )
    jwt_jwks_url: str | None = Field(None, validation_alias=_env("JWT_JWKS_URL"))
    jwt_algorithm: Literal["RS256", "ES256", "EdDSA"] = Field(
        "RS256",
        validation_alias=_env("JWT_ALGORITHM"),
        description="of the tokens that JWT_JWKS_URL's keys sign",
    )
    jwt_issuer: str = Field("countersign", validation_alias=_env("JWT_ISSUER"))
    jwt_audience: str = Field("countersign-api", validation_alias=_env("JWT_AUDIENCE"))
    jwt_lifetime_s: int = Field(8 * 3600, validation_alias=_env("JWT_LIFETIME_S"), ge=60)
    deployment_name: str | None = Field(
        None,
        validation_alias=_env("COUNTERSIGN_DEPLOYMENT_NAME"),
        description="with COUNTERSIGN_BUILD_ID: the worker deployment that Temporal routes by",
    )
    build_id: str | None = Field(None, validation_alias=_env("COUNTERSIGN_BUILD_ID"))
    documents_url: str = Field(
        validation_alias=_env("COUNTERSIGN_DOCUMENTS_URL"),
        description="object store for export documents: file:///folder or s3://bucket/prefix",
    )
    filesystem_roots: Annotated[list[Path], CommaList] = Field(
        default_factory=list, validation_alias=_env("COUNTERSIGN_FILESYSTEM_ROOTS")
    )
    allowed_networks: Annotated[list[IPv4Network | IPv6Network], CommaList] = Field(
        default_factory=list,
        validation_alias=_env("COUNTERSIGN_ALLOWED_NETWORKS"),
        description="private networks that connectors may reach, as CIDR; public addresses always may",
    )
    allow_mock: bool = Field(
        False,
        validation_alias=_env("COUNTERSIGN_ALLOW_MOCK"),
        description="connections of types that are for trials; they deliver to nobody",
    )
    allow_plain_http: bool = Field(
        False,
        validation_alias=_env("COUNTERSIGN_ALLOW_PLAIN_HTTP"),
        description="HTTP connections without TLS",
    )
    delivery_window_s: int = Field(1800, validation_alias=_env("COUNTERSIGN_DELIVERY_WINDOW_S"), ge=1)
    resume_per_s: float = Field(
        5,
        validation_alias=_env("COUNTERSIGN_RESUME_PER_S"),
        ge=0.2,
        le=1000,
        description="after a pause, how many waiting exports a second are let go, per connection",
    )
    sweep_s: int = Field(3600, validation_alias=_env("COUNTERSIGN_SWEEP_S"), ge=10)
    sweep_after_s: int = Field(
        86400,
        validation_alias=_env("COUNTERSIGN_SWEEP_AFTER_S"),
        ge=3600,
        description="temporary files in dropzones younger than this are left alone",
    )
    reconcile_s: int = Field(3600, validation_alias=_env("COUNTERSIGN_RECONCILE_S"), ge=10)
    cached_drafts: int = Field(
        2000,
        validation_alias=_env("COUNTERSIGN_CACHED_DRAFTS"),
        ge=10,
        description="that a worker keeps in memory; the others' histories are replayed when they are needed",
    )
    callback_relay_s: int = Field(
        30,
        validation_alias=_env("COUNTERSIGN_CALLBACK_RELAY_S"),
        ge=1,
        description="between two looks for callbacks that no process has set going",
    )
    notice_relay_s: int = Field(
        30,
        validation_alias=_env("COUNTERSIGN_NOTICE_RELAY_S"),
        ge=1,
        description="between two looks for notices of logos, approvers and versions that nobody has told",
    )
    ack_poll_s: int = Field(60, validation_alias=_env("COUNTERSIGN_ACK_POLL_S"), ge=1)
    ack_settle_s: int = Field(60, validation_alias=_env("COUNTERSIGN_ACK_SETTLE_S"), ge=0)
    smtp_host: str | None = Field(
        None,
        validation_alias=_env("COUNTERSIGN_SMTP_HOST"),
        description="mail server; without it proofs wait with that reason",
    )
    smtp_port: int = Field(587, validation_alias=_env("COUNTERSIGN_SMTP_PORT"), ge=1, le=65535)
    smtp_username: str | None = Field(None, validation_alias=_env("COUNTERSIGN_SMTP_USERNAME"))
    smtp_password: SecretStr | None = Field(None, validation_alias=_env("COUNTERSIGN_SMTP_PASSWORD"))
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        validation_alias=_env("COUNTERSIGN_SMTP_TLS"),
        description="none only on loopback: mails hold the links by which customers decide",
    )
    mail_from: str | None = Field(None, validation_alias=_env("COUNTERSIGN_MAIL_FROM"))
    public_url: str | None = Field(
        None,
        validation_alias=_env("COUNTERSIGN_PUBLIC_URL"),
        description="where customers reach the API: links in mails begin with it",
    )
    hsts_s: int = Field(
        0, validation_alias=_env("COUNTERSIGN_HSTS_S"), ge=0, description="0 where no TLS is in front"
    )
    codec_origins: Annotated[list[str], CommaList] = Field(
        default_factory=list,
        validation_alias=_env("COUNTERSIGN_CODEC_ORIGINS"),
        description="origins of the Temporal Web UI that may ask the codec server, exactly",
    )
    codec_jwks_url: str | None = Field(None, validation_alias=_env("COUNTERSIGN_CODEC_JWKS_URL"))
    codec_issuer: str | None = Field(None, validation_alias=_env("COUNTERSIGN_CODEC_ISSUER"))
    codec_audience: str | None = Field(None, validation_alias=_env("COUNTERSIGN_CODEC_AUDIENCE"))
    temporal_ui_url: str | None = Field(None, validation_alias=_env("COUNTERSIGN_TEMPORAL_UI_URL"))
    log_level: str = Field("INFO", validation_alias=_env("COUNTERSIGN_LOG_LEVEL"))
    worker_metrics_host: str = Field("127.0.0.1", validation_alias=_env("COUNTERSIGN_WORKER_METRICS_HOST"))
    worker_metrics_port: int | None = Field(
        None, validation_alias=_env("COUNTERSIGN_WORKER_METRICS_PORT"), ge=1, le=65535
    )
    worker_sdk_metrics_port: int | None = Field(
        None, validation_alias=_env("COUNTERSIGN_WORKER_SDK_METRICS_PORT"), ge=1, le=65535
    )
    otlp_endpoint: str | None = Field(
        None,
        validation_alias=_env("OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="collector of traces (OTLP over HTTP); without it nothing is traced",
    )

    @model_validator(mode="after")
    def _deployment_is_whole(self) -> Self:
        if (self.deployment_name is None) != (self.build_id is None):
            raise ValueError("set COUNTERSIGN_DEPLOYMENT_NAME and COUNTERSIGN_BUILD_ID both, or neither")
        return self

    @field_validator(
        "jwt_secret",
        "jwt_jwks_url",
        "codec_jwks_url",
        "codec_issuer",
        "codec_audience",
        "smtp_host",
        "smtp_username",
        "smtp_password",
        "mail_from",
        "public_url",
        mode="before",
    )
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("jwt_jwks_url", "codec_jwks_url")
    @classmethod
    def _safe_way_to_keys(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("must be an https:// address; keys that came in the clear could be anybody's")
        return url

    @field_validator("public_url")
    @classmethod
    def _safe_way_to_us(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("must be an https:// address; a link that travels in the clear is anybody's")
        if not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError("must be an address like https://orders.example.com")
        return url.rstrip("/")

    @field_validator("mail_from")
    @classmethod
    def _one_sender(cls, sender: str | None) -> str | None:
        if sender is not None and not _SENDER.fullmatch(sender):
            raise ValueError("must be an address like proofs@example.com or Company <proofs@example.com>")
        return sender

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if self.smtp_host and not (self.mail_from and self.public_url):
            raise ValueError(
                "COUNTERSIGN_SMTP_HOST needs COUNTERSIGN_MAIL_FROM and COUNTERSIGN_PUBLIC_URL:"
                " a mail has a sender and a link"
            )
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError("set COUNTERSIGN_SMTP_USERNAME and COUNTERSIGN_SMTP_PASSWORD both, or neither")
        if self.smtp_host and self.smtp_tls == "none" and self.smtp_host not in _LOOPBACK:
            raise ValueError("COUNTERSIGN_SMTP_TLS: none is for a mail server on loopback only")
        return self

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.jwt_secret is None and self.jwt_jwks_url is None:
            raise ValueError("JWT_SECRET: required, unless JWT_JWKS_URL names an identity provider")
        if self.codec_jwks_url and not (self.codec_issuer and self.codec_audience):
            raise ValueError(
                "COUNTERSIGN_CODEC_JWKS_URL needs COUNTERSIGN_CODEC_ISSUER and COUNTERSIGN_CODEC_AUDIENCE:"
                " the same provider signs tokens for others, too"
            )
        return self

    @field_validator("filesystem_roots", "allowed_networks", "codec_origins", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return _split(value)


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: with one line per missing or wrong variable and never a value in it.
    """
    return _loaded(Settings)


def load_key_settings() -> KeySettings:
    """As `load_settings`, for a command that needs no more than keys and database."""
    return _loaded(KeySettings)


def load_workflow_settings() -> WorkflowSettings:
    """As `load_settings`, for a command that mends drafts."""
    return _loaded(WorkflowSettings)


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def _loaded(kind: type[SettingsT]) -> SettingsT:
    try:
        return kind()
    except ValidationError as error:
        lines = [
            ": ".join([*(str(part) for part in problem["loc"]), problem["msg"].removeprefix("Value error, ")])
            for problem in error.errors(include_input=False, include_context=False)
        ]
    raise SettingsError("These settings are missing or wrong:\n  " + "\n  ".join(lines))
