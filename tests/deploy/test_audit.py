"""`make audit` never says that all is well without having asked about every locked package."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCK = "\n".join(
    [
        "first-one==1.0 \\",
        "    --hash=sha256:aa",
        'other==2.0 ; sys_platform == "nowhere" \\',
        "    --hash=sha256:bb",
        "third==3 \\",
    ]
)


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit_report", ROOT / ".ci" / "audit_report.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


FIRST = {"name": "First_One", "version": "1.0", "vulns": []}
THIRD = {"name": "third", "version": "3", "vulns": []}
HOLE = {"name": "third", "version": "3", "vulns": [{"id": "PYSEC-1", "fix_versions": ["4"]}]}
SKIPPED = {"name": "third", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("status", "text", "code", "says"),
    [
        (0, report(FIRST, THIRD), 0, "2 packages audited"),
        (1, report(FIRST, HOLE), 1, "PYSEC-1"),
        (1, None, 2, "NOT AUDITED"),
        (0, None, 2, "NOT AUDITED"),
        (0, report(), 2, "NOT AUDITED"),
        (0, report(FIRST), 2, "third"),
        (0, report(FIRST, SKIPPED), 2, "third"),
        (1, report(FIRST, THIRD), 1, "exited 1"),
    ],
)
def test_only_a_report_about_every_package_without_a_finding_is_success(
    audit: ModuleType, status: int, text: str | None, code: int, says: str
) -> None:
    found, lines = audit.verdict(status, text, LOCK)
    assert found == code
    assert says in "\n".join(lines)


def test_an_empty_lock_is_no_success(audit: ModuleType) -> None:
    assert audit.verdict(0, report(), "")[0] == 2


def test_every_line_of_the_real_lock_is_read(audit: ModuleType) -> None:
    lock = (ROOT / "requirements-dev.lock").read_text()
    pinned = [line for line in lock.splitlines() if "==" in line and not line.startswith(" ")]
    assert len(pinned) - len(audit.locked(lock)) < 20  # packages of other platforms
    assert "fastapi" in audit.locked(lock)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_is_pinned_by_hash_and_installed_so(name: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    assert entries
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
    installers = (ROOT / "Makefile").read_text() + (ROOT / "Dockerfile").read_text()
    assert f"--require-hashes -r {name}" in installers
