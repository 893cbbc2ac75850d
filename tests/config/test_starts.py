"""Every process looks at its keys before anything else, and says in a sentence what is wrong with them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import SettingsError, load_key_settings

ROOT = Path(__file__).parents[2]
GOOD = "0a" * 32
PROCESSES = {
    "api": ["uvicorn", "api.app:create_app", "--factory", "--port", "1"],
    "worker": ["worker"],
    "cli": ["cli", "keys", "check"],
    "reconcile": ["cli", "reconcile"],
    "codec server": ["uvicorn", "api.codec_server:create_codec_app", "--factory", "--port", "1"],
}
# All that a command needs that holds workflows against rows.
MENDING = {
    "DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/none",
    "ENCRYPTION_MASTER_KEY": GOOD,
    "TEMPORAL_ADDRESS": "127.0.0.1:1",
}
MISTAKES = {"short": "0a" * 31, "missing": None, "empty": "", "not hex": "zz" * 32}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_bad_master_key_is_a_sentence_that_does_not_show_it(
    mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = MISTAKES[mistake]
    monkeypatch.delenv("ENCRYPTION_MASTER_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("ENCRYPTION_MASTER_KEY", key)
    with pytest.raises(SettingsError, match="ENCRYPTION_MASTER_KEY: ") as refused:
        load_key_settings()
    assert ("Field required" if key is None else "64 hex characters") in str(refused.value)
    assert not key or key not in str(refused.value)


def _run(*command: str, **given: str) -> subprocess.CompletedProcess[str]:
    ours = ("COUNTERSIGN_", "ENCRYPTION_", "TEMPORAL_", "JWT_", "DATABASE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=kept | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_starts_with_a_bad_master_key(process: str) -> None:
    key = "0a" * 31
    ended = _run(
        *PROCESSES[process],
        **MENDING | {"ENCRYPTION_MASTER_KEY": key},
        JWT_SECRET="x" * 32,
        COUNTERSIGN_DOCUMENTS_URL="memory:///",
    )
    assert ended.returncode != 0
    assert "ENCRYPTION_MASTER_KEY: " in ended.stderr
    assert "64 hex characters" in ended.stderr
    assert key not in ended.stdout + ended.stderr


@pytest.mark.parametrize("command", [["reconcile"], ["restore", "acme", "D-000001"]])
def test_a_command_that_mends_drafts_needs_neither_document_store_nor_tokens(command: list[str]) -> None:
    ended = _run("cli", *command, **MENDING)
    assert "missing or wrong" not in ended.stderr
    assert ended.returncode == 3
    assert "Temporal cannot be reached" in ended.stderr


def test_it_names_the_variables_that_it_does_need() -> None:
    ended = _run("cli", "reconcile", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert ended.returncode == 2
    assert "DATABASE_URL" in ended.stderr
    assert "ENCRYPTION_MASTER_KEY" in ended.stderr
    assert "DOCUMENTS" not in ended.stderr
