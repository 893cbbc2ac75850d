"""What every connector that sends promises; the same tests for the mock, HTTP and the README's example."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from connectors.configuration import ConfigRefused
from connectors.port import Attempt, no_progress
from domain.delivery import Delivery, FenceOutcome, PublishOutcome
from domain.transport import TransportCode, TransportError
from tests.connectors.conftest import make_delivery
from tests.connectors.senders import SENDERS, Sender


@pytest.fixture(params=sorted(SENDERS))
async def sender(request: pytest.FixtureRequest) -> AsyncIterator[Sender]:
    async with SENDERS[request.param]() as opened:
        yield opened


def attempt_of(delivery: Delivery) -> Attempt:
    async def read() -> Delivery:
        return delivery

    return Attempt(read_delivery=read)


async def publish(sender: Sender, config: Any = None, *, first_try: bool = True) -> PublishOutcome:
    config = config or sender.config
    attempt = attempt_of(sender.delivery)
    staged = await sender.connector.stage(sender.delivery, config, no_progress, attempt)
    outcome: PublishOutcome = await sender.connector.publish(
        staged, config, first_try=first_try, on_progress=no_progress, attempt=attempt
    )
    return outcome


async def test_staging_shows_the_receiver_nothing(sender: Sender) -> None:
    beats: list[None] = []
    await sender.connector.stage(sender.delivery, sender.config, lambda: beats.append(None))
    assert sender.arrived() == []
    assert beats


async def test_publish_delivers_the_exact_bytes_under_the_exports_id(sender: Sender) -> None:
    assert await publish(sender) is PublishOutcome.PUBLISHED
    assert sender.arrived() == [(str(sender.delivery.export_id), sender.delivery.document.encode())]


async def test_another_try_comes_under_the_same_id(sender: Sender) -> None:
    await publish(sender)
    assert await publish(sender, first_try=False) is PublishOutcome.PUBLISHED
    ids = [key for key, _ in sender.arrived()]
    assert ids == [str(sender.delivery.export_id)] * 2


async def test_a_lost_answer_is_an_open_outcome_and_the_next_try_uses_the_same_id(sender: Sender) -> None:
    with pytest.raises(TransportError) as caught:
        await publish(sender, sender.lossy)
    assert caught.value.retryable
    assert not caught.value.unsent
    with pytest.raises(TransportError):
        await publish(sender, sender.lossy, first_try=False)
    assert [key for key, _ in sender.arrived()] == [str(sender.delivery.export_id)] * 2


async def test_what_reached_nobody_says_that_nothing_was_sent(sender: Sender) -> None:
    with pytest.raises(TransportError) as caught:
        await publish(sender, sender.dead)
    assert caught.value.code is TransportCode.CONNECTION_REFUSED
    assert caught.value.unsent
    assert sender.arrived() == []


async def test_a_document_that_does_not_match_its_digest_is_never_sent(sender: Sender) -> None:
    sender.delivery = sender.delivery.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(TransportError) as caught:
        await publish(sender)
    assert caught.value.code is TransportCode.DOCUMENT_INVALID
    assert sender.arrived() == []


async def test_another_document_than_the_staged_one_is_never_sent(sender: Sender) -> None:
    staged = await sender.connector.stage(sender.delivery, sender.config, no_progress)
    attempt = attempt_of(make_delivery('{"other": true}', export_id=sender.delivery.export_id))
    with pytest.raises(TransportError) as caught:
        await sender.connector.publish(
            staged, sender.config, first_try=True, on_progress=no_progress, attempt=attempt
        )
    assert caught.value.code is TransportCode.DOCUMENT_INVALID
    assert sender.arrived() == []


@pytest.mark.parametrize("name", ["../up.json", "a/b.json", "", "..", "nul\x00.json", "line\n.json"])
async def test_a_file_name_that_is_a_path_is_refused(sender: Sender, name: str) -> None:
    sender.delivery = sender.delivery.model_copy(update={"file_name": name})
    with pytest.raises(TransportError) as caught:
        await publish(sender)
    assert caught.value.code is TransportCode.DOCUMENT_INVALID


@pytest.mark.parametrize(
    ("unsent", "outcome"), [(True, FenceOutcome.NOT_SENT), (False, FenceOutcome.MAY_HAVE_BEEN_SENT)]
)
async def test_the_fence_goes_by_what_the_tries_said(
    sender: Sender, unsent: bool, outcome: FenceOutcome
) -> None:
    staged = await sender.connector.stage(sender.delivery, sender.config, no_progress)
    assert await sender.connector.fence(staged, sender.config, surely_unsent=unsent) is outcome


async def test_export_does_both_steps_and_a_failed_one_says_why(sender: Sender) -> None:
    done = await sender.connector.export(sender.delivery, sender.config)
    assert done.success, done.error_message
    failed = await sender.connector.export(sender.delivery, sender.dead)
    assert not failed.success
    assert failed.error_message


async def test_the_connection_test_delivers_no_order(sender: Sender) -> None:
    result = await sender.connector.test_connection(sender.config)
    assert result.success, result.error_message
    assert sender.arrived() == []


async def test_a_failed_connection_test_says_why_without_raising(sender: Sender) -> None:
    result = await sender.connector.test_connection(sender.dead)
    assert not result.success
    assert result.code == "CONNECTION_REFUSED"
    assert result.error_message


async def test_a_configuration_survives_storage_and_unset_fields_keep_their_value(sender: Sender) -> None:
    connector, config = sender.connector, sender.config
    assert connector.load(connector.dump(config)) == config
    assert connector.merge(config, {}) == config
    with pytest.raises(ConfigRefused) as caught:
        connector.merge(config, {"surprise": 1})
    assert "Extra inputs are not permitted" in str(caught.value)


async def test_a_secret_is_in_no_view_and_no_text(sender: Sender) -> None:
    connector, config = sender.connector, sender.config
    shown = f"{connector.public_view(config)} {config!r} {config}"
    for name in type(config).secret_fields():
        held = getattr(config, name)
        assert connector.public_view(config)[f"has_{name}"] is (held is not None)
        assert held is None or held.get_secret_value() not in shown
    assert sender.secret is None or sender.secret not in shown


async def test_stored_bytes_that_cannot_be_read_are_a_configuration_error(sender: Sender) -> None:
    with pytest.raises(TransportError) as caught:
        sender.connector.load(b'{"surprise": 1}')
    assert caught.value.code is TransportCode.CONFIGURATION_INVALID


async def test_an_empty_and_a_large_document_arrive(sender: Sender) -> None:
    for document in ('""', '"' + "ä" * 400_000 + '"'):
        content = document.encode()
        sender.delivery = Delivery(
            export_id=uuid4(),
            file_name="order.json",
            document=document,
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
        )
        await publish(sender)
        assert sender.arrived()[-1] == (str(sender.delivery.export_id), content)
