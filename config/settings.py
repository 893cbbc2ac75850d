"""Settings of every process, read from the environment once, at start.

Secrets have no default: a process that lacks one stops with a sentence that names the variable.
"""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SettingsError(Exception):
    """A setting is missing or wrong; the text names the variable and what it must be."""


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


CommaList = NoDecode


def _env(name: str) -> AliasChoices:
    return AliasChoices(name)


class Settings(BaseSettings):
    """All knobs. Times end in `_s` (seconds); docs/operators.md lists them for people."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    database_url: SecretStr = Field(
        validation_alias=_env("DATABASE_URL"),
        description="postgresql+asyncpg://… of the application role (not the owner)",
    )
    jwt_secret: SecretStr = Field(validation_alias=_env("JWT_SECRET"), min_length=32)
    jwt_issuer: str = Field("countersign", validation_alias=_env("JWT_ISSUER"))
    jwt_audience: str = Field("countersign-api", validation_alias=_env("JWT_AUDIENCE"))
    jwt_lifetime_s: int = Field(8 * 3600, validation_alias=_env("JWT_LIFETIME_S"), ge=60)
    encryption_master_key: SecretStr = Field(validation_alias=_env("ENCRYPTION_MASTER_KEY"))
    encryption_previous_keys: Annotated[list[SecretStr], CommaList] = Field(
        default_factory=list, validation_alias=_env("ENCRYPTION_PREVIOUS_KEYS")
    )
    task_queue: str = Field("countersign", validation_alias=_env("COUNTERSIGN_TASK_QUEUE"))
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
    delivery_window_s: int = Field(1800, validation_alias=_env("COUNTERSIGN_DELIVERY_WINDOW_S"), ge=1)
    reconcile_s: int = Field(3600, validation_alias=_env("COUNTERSIGN_RECONCILE_S"), ge=10)
    ack_poll_s: int = Field(60, validation_alias=_env("COUNTERSIGN_ACK_POLL_S"), ge=1)
    ack_settle_s: int = Field(60, validation_alias=_env("COUNTERSIGN_ACK_SETTLE_S"), ge=0)
    answer_within_s: float = Field(2.7, validation_alias=_env("COUNTERSIGN_ANSWER_WITHIN_S"), gt=0, le=30)
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

    @field_validator(
        "encryption_previous_keys", "filesystem_roots", "allowed_networks", "codec_origins", mode="before"
    )
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return _split(value)


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: with one line per missing or wrong variable and never a value in it.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise SettingsError("These settings are missing or wrong:\n  " + "\n  ".join(lines)) from None
