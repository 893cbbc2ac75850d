"""The report of a connection test is answered, kept with the connection, and dropped when that changes."""

import asyncio
from typing import Any

import pytest

from tests.e2e.conftest import People, Person

# the poller writes it whenever it looks
MOVES = {"last_ack_poll_at", "last_ack_poll_error"}
LOG_IN = ["address", "connect", "host_key", "authentication", "sftp"]


async def own_connection(person: Person) -> str:
    return str((await person.json("GET", "/connectors"))["data"][-1]["id"])


async def at_rest(person: Person, path: str) -> dict[str, Any]:
    read = await person.json("GET", path)
    return {name: value for name, value in read.items() if name not in MOVES}


async def test_a_passed_and_a_failed_test_are_both_answered_and_kept_with_their_steps(people: People) -> None:
    person = await people("integrator")
    path = f"/connectors/{await own_connection(person)}"
    passed = await person.json("POST", f"{path}/test")
    assert [step["step"] for step in passed["steps"]][:5] == LOG_IN
    assert all(step["ok"] and step["message"] for step in passed["steps"])
    assert passed["capabilities"]["posix_rename"] is True
    kept = await person.json("GET", path)
    assert kept["last_test_result"] == "SUCCESS"
    assert kept["test_result"]["steps"] == passed["steps"]
    pin = kept["host_key_fingerprints"]
    try:
        await person.json("PATCH", path, json={"host_key_fingerprints": ["SHA256:" + "A" * 43]})
        failed = await person.call("POST", f"{path}/test")
        assert failed.status_code == 400
        assert failed.headers["content-type"] == "application/problem+json"
        problem = failed.json()
        assert problem["code"] == "HOST_KEY_MISMATCH"
        assert problem["host_key_fingerprint"] == pin[0]
        assert problem["expected_host_keys"] == ["SHA256:" + "A" * 43]
        assert problem["steps"][-1]["step"] == "host_key"
        assert problem["detail"] == problem["message"] == problem["steps"][-1]["message"]
        kept = await person.json("GET", path)
        assert kept["last_test_result"] == "FAILED"
        assert kept["test_result"]["steps"] == problem["steps"]
    finally:
        await person.json("PATCH", path, json={"host_key_fingerprints": pin})


async def test_a_change_forgets_the_report_unless_it_was_tested_or_only_a_time_limit(people: People) -> None:
    person = await people("integrator")
    path = f"/connectors/{await own_connection(person)}"
    await person.json("POST", f"{path}/test")
    timed = await person.json("PATCH", path, json={"operation_timeout_s": 29})
    assert timed["last_test_result"] == "SUCCESS"
    assert timed["capabilities"] is not None
    changed = await person.json("PATCH", path, json={"export_path": "/orders"})
    assert [
        changed[name] for name in ("last_test_at", "last_test_result", "test_result", "capabilities")
    ] == [None] * 4
    tested = await person.json("PATCH", path, json={"operation_timeout_s": 30, "test_on_save": True})
    assert tested["last_test_result"] == "SUCCESS"
    assert tested["test_result"]["steps"][-1]["ok"] is True


async def test_a_change_that_is_tested_first_has_the_tests_own_time(people: People) -> None:
    person = await people("integrator")
    path = f"/connectors/{await own_connection(person)}"
    before = await at_rest(person, path)
    silent = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(30), "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        slow = {"port": port, "connect_timeout_s": 4, "test_on_save": True}
        refused = await person.call("PATCH", path, json=slow)
    assert (refused.status_code, refused.json()["code"]) == (400, "CONNECTION_TIMEOUT")
    assert await at_rest(person, path) == before


KEYS: list[tuple[dict[str, Any], str]] = [
    ({"private_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"}, "private_key is a public key"),
    ({"private_key": "correct horse"}, "private_key is not a private key"),
    ({"private_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"}, "private_key is cut off"),
    ({"passphrase": "planted-4712"}, "passphrase belongs to private_key"),
]


@pytest.mark.parametrize(("fields", "sentence"), KEYS)
async def test_a_key_that_cannot_be_used_is_422_and_changes_nothing(
    people: People, fields: dict[str, Any], sentence: str
) -> None:
    person = await people("integrator")
    path = f"/connectors/{await own_connection(person)}"
    before = await at_rest(person, path)
    refused = await person.call("PATCH", path, json=fields)
    assert refused.status_code == 422
    assert sentence in refused.text
    assert "planted" not in refused.text
    assert await at_rest(person, path) == before
