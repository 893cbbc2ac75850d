"""Adding a connector touches its own files and the registry; nothing else knows a type or its files."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from connectors.registry import CONNECTOR_TYPES, slug

ROOT = Path(__file__).parents[2]
ROOMS = "activities api bench commands config connectors domain drawings local storage workflows"
READ = {".py", ".sql", ".html", ".css", ".js", ".json", ".mako", ".typ"}
REGISTRY = "connectors.registry"
MODULES = frozenset(f"connectors.{path.stem}" for path in (ROOT / "connectors").glob("*.py"))
# whoever else names a type, and why that is no part of adding another one
NAMES_ONE = {
    "bench/ground.py": "measures deliveries into a folder on this machine",
    "local/seed.py": "makes the demo organisation's connection, to the local stack's own SFTP server",
}


def sources() -> list[Path]:
    inside = [path for room in ROOMS.split() for path in (ROOT / room).rglob("*") if path.suffix in READ]
    return [*inside, *ROOT.glob("*.py")]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def imports(path: Path) -> frozenset[str]:
    """The modules of `connectors` that a file imports."""
    if path.suffix != ".py":
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return frozenset(found) & MODULES


def reached(module: str) -> set[str]:
    """A module of `connectors` and those that it needs."""
    seen, ahead = set(), {module}
    while ahead:
        one = ahead.pop()
        seen.add(one)
        ahead |= imports(ROOT / f"{one.replace('.', '/')}.py") - seen
    return seen


def own(connector_type: str) -> set[str]:
    """The modules that no other type needs, and the port neither."""
    needed = {name: reached(one.__module__) for name, one in CONNECTOR_TYPES.items()}
    shared = set().union(*(modules for name, modules in needed.items() if name != connector_type))
    return needed[connector_type] - shared - reached("connectors.port") - reached("connectors.leftovers")


def names(text: str, connector_type: str) -> bool:
    """By its name, or by its address."""
    return bool(re.search(rf"\b{connector_type}\b|connectors/{slug(connector_type)}\b", text))


def offenders(connector_type: str) -> set[str]:
    mine = own(connector_type)
    return {
        str(path.relative_to(ROOT))
        for path in sources()
        if module_of(path) not in mine | {REGISTRY}
        and (imports(path) & mine or names(path.read_text(), connector_type))
    }


@pytest.mark.parametrize("connector_type", sorted(CONNECTOR_TYPES))
def test_only_its_own_files_and_the_registry_know_a_type(connector_type: str) -> None:
    assert offenders(connector_type) - set(NAMES_ONE) == set()


def test_whatever_else_names_a_type_still_does() -> None:
    found = set().union(*(offenders(connector_type) for connector_type in CONNECTOR_TYPES))
    assert set(NAMES_ONE) <= found


@pytest.mark.parametrize("connector_type", sorted(CONNECTOR_TYPES))
def test_a_type_has_files_of_its_own_and_they_are_found(connector_type: str) -> None:
    mine = own(connector_type)
    assert CONNECTOR_TYPES[connector_type].__module__ in mine
    assert any(names((ROOT / f"{one.replace('.', '/')}.py").read_text(), connector_type) for one in mine)
    assert names(f'post("/connectors/{slug(connector_type)}")', connector_type)


def test_what_the_product_needs_of_connectors_is_no_types_own() -> None:
    owned = set().union(*(own(connector_type) for connector_type in CONNECTOR_TYPES))
    for shared in ("port", "policy", "configuration", "ack_folder", "connector", "handover", "addresses"):
        assert f"connectors.{shared}" not in owned
