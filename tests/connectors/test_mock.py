"""The mock does what it is told, the same each time; and only where the deployment takes it."""

import json
from typing import Any

import pytest

from connectors.ack_folder import Moved, Tray
from connectors.configuration import ConfigRefused, Known
from connectors.mock import MockConfig, MockConnector
from connectors.policy import ConnectorPolicy
from connectors.port import Attempt, no_progress
from domain.transport import TRANSPORT_RULES, TransportCode, TransportError
from tests.connectors.conftest import make_delivery

ALLOWED = ConnectorPolicy(mock_allowed=True)
DELIVERY = make_delivery()


@pytest.fixture
def connector() -> MockConnector:
    return MockConnector(ALLOWED)


async def outcome(connector: MockConnector, config: MockConfig, number: int = 1) -> str:
    try:
        await connector.send(DELIVERY, config, Attempt(number), no_progress)
    except TransportError as error:
        return error.code.value
    return "taken"


async def test_the_nth_try_does_the_nth_step_in_whichever_process(connector: MockConnector) -> None:
    script = [
        {"do": "fail", "code": "CONNECTION_REFUSED", "times": 2},
        {"do": "lose_answer", "code": "SERVER_ERROR", "times": 1},
        {"do": "succeed", "times": 1},
        {"do": "fail", "code": "DISK_FULL"},
    ]
    config = connector.parse({"script": script})
    wanted = ["CONNECTION_REFUSED"] * 2 + ["SERVER_ERROR", "taken", "DISK_FULL", "DISK_FULL"]
    for each in (connector, MockConnector(ALLOWED)):
        assert [await outcome(each, config, number) for number in range(1, 7)] == wanted
        assert [order.deliveries for order in each.erp(config).orders.values()] == [2]


async def test_fail_twice_then_succeed_holds_with_a_new_worker_for_each_try() -> None:
    script = [{"do": "fail", "code": "CONNECTION_LOST", "times": 2}, {"do": "succeed"}]
    workers = [MockConnector(ALLOWED) for _ in range(4)]
    done = [
        await outcome(worker, worker.parse({"script": script}), number)
        for number, worker in enumerate(workers, start=1)
    ]
    assert done == ["CONNECTION_LOST", "CONNECTION_LOST", "taken", "taken"]


async def test_after_a_script_that_ends_every_order_is_taken(connector: MockConnector) -> None:
    config = connector.parse({"script": [{"do": "fail", "times": 1}]})
    assert [await outcome(connector, config, number) for number in (1, 2, 3)] == [
        "CONNECTION_LOST",
        "taken",
        "taken",
    ]


@pytest.mark.parametrize("code", sorted(set(TransportCode) - {TransportCode.FINAL_FILE_CONFLICT}))
async def test_it_fails_with_every_code_as_the_real_ones_do(
    connector: MockConnector, code: TransportCode
) -> None:
    config = connector.parse({"script": [{"do": "fail", "code": code.value}]})
    with pytest.raises(TransportError) as caught:
        await connector.send(DELIVERY, config, Attempt(), no_progress)
    assert caught.value.retryable is TRANSPORT_RULES[code].retryable
    assert caught.value.unsent


async def test_a_step_may_hang_before_it_does_something(
    connector: MockConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("connectors.mock.asyncio.sleep", sleep)
    config = connector.parse({"script": [{"do": "succeed", "hang_s": 90, "times": 1}]})
    assert await outcome(connector, config) == "taken"
    assert slept == [90]


async def test_what_a_try_did_is_noted_for_the_push_log(connector: MockConnector) -> None:
    attempt = Attempt()
    await connector.send(DELIVERY, connector.parse({}), attempt, no_progress)
    assert attempt.answer["mock"]["do"] == "succeed"


async def test_its_connection_test_does_what_it_is_told(connector: MockConnector) -> None:
    told = connector.parse({"test": {"do": "fail", "code": "AUTHENTICATION_FAILED"}})
    result = await connector.test_connection(told)
    assert (result.success, result.code) == (False, "AUTHENTICATION_FAILED")


@pytest.mark.parametrize("status", ["ACKED", "FAILED"])
async def test_its_answers_are_files_as_the_real_erps_write_them(
    connector: MockConnector, status: str
) -> None:
    config = connector.parse({"ack": {"status": status, "error_code": "NO_ITEM", "message": "unknown item"}})
    assert config.ack_expected
    await connector.send(DELIVERY, config, Attempt(), no_progress)
    opened = connector.ack_folder(config)
    assert opened is not None
    async with opened as folder:
        (file,) = await folder.files()
        assert file.name == ("ack_" if status == "ACKED" else "error_") + DELIVERY.file_name
        found = await folder.read(file.name)
        assert found is not None
        assert json.loads(found[1])["status"] == status
        assert await folder.move(file.name, Tray.PROCESSED, file.name) is Moved.MOVED
        assert await folder.move(file.name, Tray.PROCESSED, file.name) is Moved.GONE
        assert await folder.files() == []
        assert await folder.read(file.name) is None


async def test_an_answer_comes_when_it_is_due_and_not_before(connector: MockConnector) -> None:
    for after_s, due in ((0, 1), (3600, 0)):
        config = connector.parse({"ack": {"after_s": after_s}})
        await connector.send(DELIVERY, config, Attempt(), no_progress)
        opened = connector.ack_folder(config)
        assert opened is not None
        async with opened as folder:
            assert len(await folder.files()) == due


async def test_without_answers_an_order_is_finished_when_it_is_sent(connector: MockConnector) -> None:
    config = connector.parse({})
    assert connector.ack_folder(config) is None
    assert connector.public_view(config)["ack_expected"] is False


async def test_connections_do_not_see_each_others_orders(connector: MockConnector) -> None:
    stored = connector.dump(connector.parse({"ack": {}}))
    one, another = (connector.load(stored, Known(owner)) for owner in ("org-a/1", "org-b/2"))
    await connector.send(DELIVERY, one, Attempt(), no_progress)
    for config, files in ((one, 1), (another, 0)):
        opened = connector.ack_folder(config)
        assert opened is not None
        async with opened as folder:
            assert len(await folder.files()) == files


def test_a_deployment_that_does_not_take_it_refuses_it_when_saved_and_when_used() -> None:
    strict = MockConnector(ConnectorPolicy())
    with pytest.raises(ConfigRefused, match="are for trials"):
        strict.parse({})
    with pytest.raises(TransportError, match="are for trials") as caught:
        strict.load(b"{}")
    assert not caught.value.retryable


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"script": [{"do": "succeed"}, {"do": "fail"}]}, "only the last step"),
    ({"script": [{"do": "fail", "code": "FINAL_FILE_CONFLICT"}]}, "must be one of"),
    ({"script": [{"do": "explode"}]}, "script.0.do"),
    ({"script": [{"do": "succeed", "hang_s": 101}]}, "less than or equal to 100"),
    ({"ack": {"status": "MAYBE"}}, "ack.status"),
    ({"ack": {"after_s": -1}}, "greater than or equal to 0"),
]


@pytest.mark.parametrize(("values", "sentence"), REFUSED)
def test_a_script_that_makes_no_sense_is_refused(
    connector: MockConnector, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigRefused) as caught:
        connector.parse(values)
    assert sentence in str(caught.value)
