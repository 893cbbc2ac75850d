"""The tables of docs/operators.md against the code that they describe."""

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices, BaseModel
from pydantic_core import PydanticUndefined

from config.settings import Settings
from domain.gates import GateName
from domain.messages import ACKNOWLEDGE, MESSAGES, Acknowledgement, Message
from domain.statuses import DraftStatus, LineStatus, Role, WaitingFor
from domain.transport import TRANSPORT_RULES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operators.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its two head lines."""
    section = re.split(rf"^#+ {re.escape(heading)}$", PAGE, maxsplit=1, flags=re.MULTILINE)[1]
    lines = re.split(r"^#+ ", section, maxsplit=1, flags=re.MULTILINE)[0].splitlines()
    table = [line for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def default_of(name: str) -> str:
    field = Settings.model_fields[name]
    if field.is_required():
        return "required"
    value = (
        field.default
        if field.default is not PydanticUndefined
        else field.get_default(call_default_factory=True)
    )
    return {"None": "none", "[]": "empty"}.get(str(value), f"`{value}`")


def test_the_settings_table_lists_every_setting_with_its_default() -> None:
    wanted = {}
    for name, field in Settings.model_fields.items():
        assert isinstance(field.validation_alias, AliasChoices)
        wanted.update({f"`{alias}`": default_of(name) for alias in field.validation_alias.choices})
    assert {row[0]: row[1] for row in rows("Settings")} == wanted


def test_every_variable_that_a_process_reads_is_explained() -> None:
    sources = [ROOT / "docker-compose.yml", ROOT / "cli.py", ROOT / "worker.py"]
    sources += [*(ROOT / "config").glob("*.py"), *(ROOT / "local").glob("*.py")]
    names = re.compile(
        r"\b(?:COUNTERSIGN_[A-Z_]+[A-Z]|DATABASE_(?:[A-Z]+_)*(?:URL|PASSWORD)|[A-Z_]*POSTGRES_PASSWORD)\b"
    )
    read = {name for source in sources for name in names.findall(source.read_text())}
    assert {name for name in read if name not in PAGE} == set()


def test_every_status_of_a_line_says_what_moves_it_on() -> None:
    assert [row[0] for row in rows("Decorated lines")] == [status.value for status in LineStatus]


def test_every_status_and_everything_that_a_draft_waits_for_has_advice() -> None:
    advice = rows("Daily work")
    assert {row[0] for row in advice} == {status.value for status in DraftStatus}
    # clients are told of no wait for the floor: with the ERP the order is done
    told = set(WaitingFor) - {WaitingFor.FLOOR}
    assert {row[1] for row in advice} - {"–"} == {waiting.value for waiting in told}


def test_every_gate_and_role_is_explained() -> None:
    assert [row[0] for row in rows("Gates")] == [gate.value for gate in GateName]
    assert {row[0] for row in rows("Roles")} == {role.value for role in Role}


def test_every_delivery_error_has_advice_and_says_whether_it_is_repeated() -> None:
    wanted = {code.value: "yes" if rule.retryable else "at once" for code, rule in TRANSPORT_RULES.items()}
    assert {row[0]: row[1] for row in rows("When an export fails")} == wanted


def _own_fields(model: type[BaseModel]) -> set[str]:
    common = set(Message.model_fields) if issubclass(model, Message) else set()
    return set(model.model_fields) - common


@pytest.mark.parametrize(("name", "model"), [*MESSAGES.items(), (ACKNOWLEDGE, Acknowledgement)])
def test_every_signal_is_listed_with_its_fields(name: str, model: type[BaseModel]) -> None:
    described = {
        signal: set(re.findall(r"`([a-z_]+)`", row[1]))
        for row in rows("Signals")
        for signal in re.findall(r"`([a-z_]+)`", row[0])
    }
    assert described[name] == _own_fields(model)
