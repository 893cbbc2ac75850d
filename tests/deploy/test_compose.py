"""No container engine runs here: the file is held against rules, and against compose when installed."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "api", "worker", "sftp")
ONE_SHOT = ("migrate", "temporal-schema", "temporal-namespace")
SECRETS = {
    "JWT_SECRET",
    "ENCRYPTION_MASTER_KEY",
    "POSTGRES_PASSWORD",
    "TEMPORAL_POSTGRES_PASSWORD",
    "COUNTERSIGN_APP_PASSWORD",
}
# Read by Temporal's client, the migration or the SFTP server, not by Settings.
OTHER_VARIABLES = {
    "TEMPORAL_ADDRESS",
    "TEMPORAL_NAMESPACE",
    "DATABASE_OWNER_URL",
    "DATABASE_APP_PASSWORD",
    "COUNTERSIGN_SFTP_PASSWORD",
}


def has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    found = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False, timeout=20)
    return found.returncode == 0


def settings_variables() -> set[str]:
    aliases = (field.validation_alias for field in Settings.model_fields.values())
    return {str(choice) for alias in aliases for choice in getattr(alias, "choices", [])}


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.match(r"\d+\.\d+", tag), f"{name}: {SERVICES[name]['image']}"
    assert "auto-setup" not in SERVICES[name]["image"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in ONE_SHOT])
def test_every_lasting_service_has_a_health_check_and_restarts(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_exists_and_can_be_waited_for(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_completed_successfully":
            assert other in ONE_SHOT
        else:
            assert how["condition"] == "service_healthy"
            assert "healthcheck" in SERVICES[other]


def test_secrets_are_required_and_have_no_default() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    assert used >= SECRETS
    for name in SECRETS:
        assert not re.search(rf"\$\{{{name}(?!:\?)", TEXT), name


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", OURS)
def test_our_services_get_only_variables_that_something_reads(name: str) -> None:
    known = settings_variables() | OTHER_VARIABLES
    assert set(SERVICES[name]["environment"]) <= known


@pytest.mark.parametrize("name", ["api", "worker"])
def test_settings_without_a_default_are_given(name: str) -> None:
    required = {
        str(field.validation_alias.choices[0])  # type: ignore[union-attr]
        for field in Settings.model_fields.values()
        if field.is_required()
    }
    assert required <= set(SERVICES[name]["environment"])


@pytest.mark.parametrize("name", OURS)
def test_our_commands_name_modules_that_exist(name: str) -> None:
    command: list[str] = SERVICES[name]["command"]
    if command[0] == "uvicorn":
        module = command[1].partition(":")[0]
    elif command[1] == "-m":
        module = command[2]
    else:
        module = command[1].removesuffix(".py")
    assert importlib.util.find_spec(module) is not None


def test_mounted_files_and_volumes_exist() -> None:
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            known = (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]
            assert known, f"{name}: {mount}"


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").glob("*.sh")), ids=lambda path: path.name)
def test_set_up_scripts_are_valid_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=10)


def test_the_namespace_script_registers_what_the_local_stack_registers() -> None:
    from local.temporal import SEARCH_ATTRIBUTES

    script = (ROOT / "deploy" / "temporal-namespace.sh").read_text()
    assert re.findall(r"--name (\w+) --type Keyword", script) == list(SEARCH_ATTRIBUTES)
    assert "--retention 90d" in script


def test_the_image_holds_every_room_and_runs_as_nobody_special() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert all(re.match(r"FROM python:3\.\d+\.\d+-slim", line) for line in lines if line.startswith("FROM"))
    assert "--require-hashes" in "\n".join(lines)
    assert "USER countersign" in lines
    copied = {line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line}
    ignored = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {
        "activities",
        "api",
        "commands",
        "config",
        "connectors",
        "domain",
        "storage",
        "workflows",
    } <= copied
    assert copied | {"worker.py"} == ignored


if has_compose():

    def test_compose_accepts_the_file() -> None:
        given = dict.fromkeys(SECRETS, "x")
        subprocess.run(
            ["docker", "compose", "--profile", "try", "config", "--quiet"],
            cwd=ROOT,
            env=os.environ | given,
            check=True,
            timeout=30,
        )
