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


@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_starts_with_a_bad_master_key(process: str) -> None:
    key = "0a" * 31
    given = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COUNTERSIGN_", "ENCRYPTION_", "TEMPORAL_", "JWT_", "DATABASE_"))
    }
    given |= {
        "DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/none",
        "JWT_SECRET": "x" * 32,
        "COUNTERSIGN_DOCUMENTS_URL": "memory:///",
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "ENCRYPTION_MASTER_KEY": key,
    }
    ended = subprocess.run(
        [sys.executable, "-m", *PROCESSES[process]],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "ENCRYPTION_MASTER_KEY: " in ended.stderr
    assert "64 hex characters" in ended.stderr
    assert key not in ended.stdout + ended.stderr
