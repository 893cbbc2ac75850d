"""Configuration of a `DROPZONE_JSON_V1` connection. Fields: docs/api.md, "Resources"."""

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

import asyncssh
from pydantic import AfterValidator, Field, SecretStr, StrictBool, ValidationInfo, model_validator

from connectors.configuration import STORED, ConnectorConfig
from connectors.private_key import open_private_key

SECRET_FIELDS = ("password", "private_key", "passphrase")
SFTP_ONLY = ("host", "username", *SECRET_FIELDS, "host_key_fingerprints")

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_HOST = re.compile(r"[A-Za-z0-9._:\-]+(%[A-Za-z0-9]+)?")


def _no_control(text: str) -> str:
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in text):
        raise ValueError("must not contain control characters or line breaks")
    return text


def _path(text: str) -> str:
    if ".." in PurePosixPath(_no_control(text)).parts:
        raise ValueError('must not contain ".." parts')
    return text


def _host(text: str) -> str:
    if not _HOST.fullmatch(text) or text.startswith("-"):
        raise ValueError("must be a host name or an IP address")
    return text


def _fingerprint(text: str) -> str:
    if not _FINGERPRINT.fullmatch(text):
        raise ValueError('must look like "SHA256:" and 43 base64 characters, as ssh-keygen -l prints it')
    body = text.removeprefix("SHA256:").rstrip("=")
    try:
        base64.b64decode(body + "=", validate=True)
    except binascii.Error:
        raise ValueError("is not valid base64") from None
    return f"SHA256:{body}"


def _secret(value: SecretStr) -> SecretStr:
    if "\x00" in value.get_secret_value():
        raise ValueError("must not contain NUL")
    return value


Folder = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_path)]
Fingerprint = Annotated[str, Field(max_length=64), AfterValidator(_fingerprint)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=1024), AfterValidator(_secret)]


class DropzoneConfig(ConnectorConfig):
    """Where the dropzone is and how to get in. Times in seconds."""

    mode: Literal["sftp", "filesystem"]
    host: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_host)] | None = None
    port: int = Field(22, ge=1, le=65535, strict=True)
    username: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_no_control)] | None = None
    password: Secret | None = None
    private_key: Annotated[SecretStr, Field(min_length=1, max_length=16384)] | None = None
    passphrase: Secret | None = None
    host_key_fingerprints: list[Fingerprint] = Field(default_factory=list, max_length=10)
    export_path: Folder
    ack_path: Folder | None = None
    connect_timeout_s: float = Field(10, gt=0, le=120)
    operation_timeout_s: float = Field(30, gt=0, le=600)
    trust_on_first_use: StrictBool = False

    @model_validator(mode="after")
    def _whole(self, info: ValidationInfo) -> Self:
        if self.ack_path is not None and PurePosixPath(self.ack_path) == PurePosixPath(self.export_path):
            raise ValueError("ack_path must be another folder than export_path")
        if self.mode == "filesystem":
            self._check_filesystem()
        else:
            # A stored key was checked when it was saved; deriving its passphrase again takes 0.1 s and more.
            self._check_sftp(check_key=info.context != STORED)
        return self

    def _check_filesystem(self) -> None:
        given = [name for name in SFTP_ONLY if getattr(self, name)]
        if given or self.trust_on_first_use:
            raise ValueError(
                f"filesystem mode takes no {', '.join(given) or 'trust_on_first_use'}; choose sftp for that"
            )
        for name in ("export_path", "ack_path"):
            path = getattr(self, name)
            if path is not None and not path.startswith("/"):
                raise ValueError(f"{name} must be absolute in filesystem mode")

    def _check_sftp(self, *, check_key: bool) -> None:
        for name in ("host", "username"):
            if getattr(self, name) is None:
                raise ValueError(f"sftp mode needs {name}")
        if (self.password is None) == (self.private_key is None):
            raise ValueError("sftp mode needs exactly one of password and private_key")
        if self.passphrase is not None and self.private_key is None:
            raise ValueError("passphrase belongs to private_key, and there is none")
        if not self.host_key_fingerprints and not self.trust_on_first_use:
            raise ValueError(
                "host_key_fingerprints is empty: give the server's fingerprint,"
                " or set trust_on_first_use to pin the one that the first test sees"
            )
        if check_key:
            self.client_key()

    def client_key(self) -> asyncssh.SSHKey | None:
        """The parsed private key. Blocking: an encrypted key takes 0.1 s and more.

        Raises:
            KeyRefused: with a sentence, when it cannot be read.
        """
        if self.private_key is None:
            return None
        passphrase = self.passphrase.get_secret_value() if self.passphrase else None
        return open_private_key(self.private_key.get_secret_value(), passphrase)

    @property
    def destination(self) -> str:
        return self.export_path

    @property
    def place(self) -> str:
        if self.mode == "filesystem":
            return self.export_path
        # the user, too: a relative path, or a changed root, begins at the user's own folder
        return f"sftp://{self.username}@{self.host}:{self.port}/{self.export_path}"

    def path_of(self, file_name: str) -> str:
        return f"{self.export_path.rstrip('/')}/{file_name}"

    @property
    def ack_expected(self) -> bool:
        return self.ack_path is not None

    @property
    def test_before_saving(self) -> bool:
        return self.trust_on_first_use

    def merged(self, changes: Mapping[str, Any]) -> Self:
        """A copy with `changes`; a new password replaces a key and the other way round.

        Raises:
            ConfigRefused: when the result would not be valid.
        """
        values = dict(changes)
        if changes.get("password") is not None and "private_key" not in changes:
            values["private_key"] = values["passphrase"] = None
        if changes.get("private_key") is not None:
            values["passphrase"] = changes.get("passphrase")
            if "password" not in changes:
                values["password"] = None
        return super().merged(values)

    def pinned(self, fingerprint: str) -> Self:
        """A copy that trusts this host key and no other: what trust_on_first_use does after the first test.

        Raises:
            ConfigRefused: for a malformed fingerprint.
        """
        return self.merged({"host_key_fingerprints": [fingerprint], "trust_on_first_use": False})
