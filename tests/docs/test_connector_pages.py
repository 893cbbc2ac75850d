"""The tables and numbers of the pages about connectors against the code."""

import ast
import json
import re
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from connectors import ack_folder, dropzone, http_json, pinned_host, sftp_pool
from connectors.certification_report import FAILED, PASSED
from connectors.dropzone_config import DropzoneConfig
from connectors.http_json import HttpJsonConnector
from connectors.http_json_answers import LONGEST_PAUSE_S, MEANINGS, require_taken
from connectors.http_json_config import HttpJsonConfig
from connectors.mock import MockConfig, MockStep
from connectors.port import Attempt, no_progress
from connectors.registry import CONNECTOR_TYPES
from domain.ack_files import AckContent
from domain.acknowledgements import AckOutcome
from domain.connections import MOVES, ConnectionCommand, ConnectionStatus, Move
from domain.transport import TRANSPORT_RULES, TransportCode, TransportError
from tests.connectors.conftest import make_delivery
from tests.connectors.http_receiver import SIGNING_SECRET, uvicorn_endpoint
from tests.connectors.senders import TRYING
from tests.docs.tables import ROOT, code_words, table

PAGE, ERP, README = "docs/connectors.md", "docs/erp-integration.md", "connectors/README.md"
# raised by what stands around a connector: its configuration, the hand-over, the delivery
AROUND = {
    "CONFIGURATION_INVALID",
    "CONNECTION_BUSY",
    "CONNECTION_DISABLED",
    "CONNECTION_PAUSED",
    "CONNECTION_REPOINTED",
    "DOCUMENT_INVALID",
    "FINAL_FILE_CONFLICT",
    "VERIFICATION_FAILED",
}
# of the connection between the two sides, not of Countersign
OF_HTTP = {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "content-type"}


def again(code: TransportCode) -> str:
    return "yes" if TRANSPORT_RULES[code].retryable else "no"


def test_every_registered_type_is_in_the_table_of_types() -> None:
    types = [
        name
        for row in table(PAGE, "| type | the order comes | finished when |")
        for name in code_words(row[0])
    ]
    assert types == list(CONNECTOR_TYPES)


def test_the_steps_of_the_connection_test_are_told_in_their_order() -> None:
    steps = [name for row in table(PAGE, "| step | what is tried |") for name in code_words(row[0])]
    assert steps == list(PASSED)


def _said() -> list[tuple[TransportCode, str]]:
    """All that the connection test of a dropzone may say, in tables and on the spot."""
    said = [(code, rule.sentence) for code, rule in TRANSPORT_RULES.items()]
    said += [(code, sentence) for (_, code), sentence in FAILED.items()]
    tree = ast.parse((ROOT / "connectors" / "certification.py").read_text())
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for sentence in (each.value for each in call.keywords if each.arg == "sentence"):
            assert isinstance(sentence, ast.Constant)
            said.append((TransportCode[ast.unparse(call.args[0]).split(".")[1]], sentence.value))
    return said


ADVICE = table(PAGE, "| it says | code | what to do |")


@pytest.mark.parametrize("row", ADVICE, ids=lambda row: row[0])
def test_a_sentence_of_the_table_is_said_under_its_code(row: list[str]) -> None:
    code = TransportCode(code_words(row[1])[0])
    parts = [part.strip() for part in re.split(" [(/] ", row[0].replace("(", "( "))[0].split("…")]
    assert any(each is code and all(part in sentence for part in parts) for each, sentence in _said())


def test_every_code_that_the_connection_test_has_words_for_is_in_the_table() -> None:
    told = {code for row in ADVICE for code in code_words(row[1])}
    assert {code.value for _, code in FAILED} <= told


def _answer(status: int) -> str:
    """Whether a status is tried again, as docs say it."""
    try:
        require_taken(status, {}, datetime(2026, 11, 21, tzinfo=UTC))
    except TransportError as error:
        return "yes" if error.retryable else "no"
    return "–"


def test_the_table_of_http_answers_is_the_one_in_the_code() -> None:
    rows = table(PAGE, "| status | means | another try |")
    told = {name: row[2] for row in rows for name in re.findall(r"\dxx|\d{3}", row[0])}
    classes = {f"{first}xx": _answer(first * 100 + 99) for first in (2, 3, 4, 5)}
    assert told == {str(status): _answer(status) for status in MEANINGS} | classes


def test_every_field_of_an_endpoints_configuration_is_told() -> None:
    rows = table(PAGE, "| field | meaning |")
    assert [name for row in rows for name in code_words(row[0])] == list(HttpJsonConfig.model_fields)


async def test_every_header_that_we_send_is_in_the_table_of_headers() -> None:
    connector = HttpJsonConnector(TRYING)
    async with uvicorn_endpoint() as endpoint:
        config = connector.parse({"url": endpoint.url, "signing_secret": SIGNING_SECRET})
        await connector.send(make_delivery(), config, Attempt(), no_progress)
    told = {name.lower() for row in table(PAGE, "| header | value |") for name in code_words(row[0])}
    assert told == set(endpoint.received[0].headers) - OF_HTTP


def test_all_that_the_mock_can_do_is_told_and_its_example_is_one() -> None:
    told = [name for row in table(PAGE, "| `do` | then |") for name in code_words(row[0])]
    assert told == list(get_args(MockStep.model_fields["do"].annotation))
    page = (ROOT / PAGE).read_text()
    (example,) = re.findall(r"`POST /connectors/mock` with\n\n```json\n(.*?)```", page, flags=re.DOTALL)
    assert MockConfig.parse(json.loads(example)).script


def _default(model: type[Any], field: str) -> str:
    return f"{model.model_fields[field].default:g}"


PROMISED = {
    PAGE: [
        f"`connect_timeout_s` ({_default(DropzoneConfig, 'connect_timeout_s')})",
        f"`operation_timeout_s` ({_default(DropzoneConfig, 'operation_timeout_s')})",
        f"is given up after {pinned_host.FIRST_LINE_S:g} s of that",
        f"the TCP connection has at most {http_json.REACHED_S:g} s of it",
        " and ".join(_default(HttpJsonConfig, f"{kind}_timeout_s") for kind in ("connect", "answer"))
        + " s. The",
        f"No try takes more than {max(dropzone.LIMITS_S.values()):g} s in all",
        f"up to {sftp_pool.IDLE_PER_OWNER} sessions of a connection open for {sftp_pool.IDLE_S:g} s",
        f"at most {sftp_pool.MAX_AGE_S / 60:g} minutes",
        f"at most {sftp_pool.OPEN_PER_OWNER} are open at once",
        f"honoured between 1 s and {LONGEST_PAUSE_S / 60:g} minutes",
    ],
    ERP: [f"at most {ack_folder.MAX_ACK_BYTES // 1024} KiB, one object"],
}


@pytest.mark.parametrize(("page", "words"), [(page, words) for page in PROMISED for words in PROMISED[page]])
def test_a_number_that_is_promised_is_the_one_in_the_code(page: str, words: str) -> None:
    assert words in " ".join((ROOT / page).read_text().split())


def test_every_field_of_an_answer_is_told_to_the_erp() -> None:
    told = {name for row in table(ERP, "| field | in | rules |") for name in code_words(row[0])}
    assert told == set(AckContent.model_fields) - {"notes"}


def test_every_end_of_an_answer_is_told_to_operators() -> None:
    told = [row[0] for row in table("docs/operators.md", "| `outcome` | means | the draft |")]
    assert told == [*(outcome.value for outcome in AckOutcome), "PENDING"]


def test_the_life_of_a_connection_is_the_one_in_the_code() -> None:
    def cell(status: ConnectionStatus, command: str) -> str:
        if command == "change, test":
            same = {MOVES[status, ConnectionCommand.CHANGE], MOVES[status, ConnectionCommand.TEST]}
            return "yes" if same == {Move(None)} else "?"
        move = MOVES[status, ConnectionCommand(command)]
        return "409" if isinstance(move, str) else (move.to or "–")

    commands = ["enable", "disable", "pause", "resume", "change, test"]
    rows = table("docs/operators.md", f"| | {' | '.join(commands)} |")
    told = {row[0]: dict(zip(commands, row[1:], strict=True)) for row in rows}
    wanted = [ConnectionStatus.ACTIVE, ConnectionStatus.PAUSED, ConnectionStatus.DISABLED]
    assert told == {status: {command: cell(status, command) for command in commands} for status in wanted}


def test_the_readme_says_of_each_code_of_a_connector_whether_there_is_another_try() -> None:
    rows = table(README, "| the error | code | another try |")
    told = {code: row[2] for row in rows for code in code_words(row[1])}
    assert told == {code.value: again(code) for code in TransportCode if code not in AROUND}
