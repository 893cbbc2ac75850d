"""The local stack's secrets: made once, kept in `<var>/local.env` that only its owner can read."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

MAKERS: dict[str, Callable[[], str]] = {
    "JWT_SECRET": lambda: secrets.token_hex(32),
    "ENCRYPTION_MASTER_KEY": lambda: secrets.token_hex(32),
    "DEMO_CALLBACK_SECRET": lambda: "whsec_" + secrets.token_hex(24),
    "COUNTERSIGN_SFTP_PASSWORD": lambda: secrets.token_urlsafe(24),
}


def read_local_env(path: Path) -> dict[str, str]:
    """The pairs in a local.env file; an absent file has none."""
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def ensure_local_env(path: Path) -> dict[str, str]:
    """Read the secrets, making those that are missing. A secret once made never changes: the
    encrypted connections in the database depend on it."""
    values = read_local_env(path)
    missing = {name: make() for name, make in MAKERS.items() if name not in values}
    if missing:
        values |= missing
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("# Secrets of this local stack, generated once. Never use them anywhere else.\n")
            file.writelines(f"{name}={value}\n" for name, value in values.items())
        draft.replace(path)
    path.chmod(0o600)
    return values
