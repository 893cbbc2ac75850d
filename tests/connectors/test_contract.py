"""What every connector promises; the same tests for the mock and the real ones."""

from typing import Any

import pytest

from connectors.port import no_progress
from domain.delivery import FenceOutcome, PublishOutcome
from domain.transport import FinalFileConflict, StagedFileLost, TransportCode, TransportError

PROBED = ("exclusive_create", "posix_rename", "fsync")


async def stage(zone: Any) -> Any:
    return await zone.connector.stage(zone.delivery, zone.config, no_progress)


async def publish(zone: Any, staged: Any, *, first_try: bool = True) -> PublishOutcome:
    outcome: PublishOutcome = await zone.connector.publish(
        staged, zone.config, first_try=first_try, on_progress=no_progress
    )
    return outcome


async def test_stage_leaves_one_verified_temporary_file_and_nothing_else(dropzone: Any) -> None:
    beats: list[None] = []
    staged = await dropzone.connector.stage(dropzone.delivery, dropzone.config, lambda: beats.append(None))
    assert dropzone.files.names() == {staged.temp_name}
    assert staged.temp_name.endswith(".tmp")
    assert dropzone.files.read(staged.temp_name) == dropzone.delivery.document.encode()
    assert beats


async def test_two_tries_to_stage_use_two_names(dropzone: Any) -> None:
    first, second = await stage(dropzone), await stage(dropzone)
    assert dropzone.files.names() == {first.temp_name, second.temp_name}


async def test_a_document_that_does_not_match_its_digest_is_never_written(dropzone: Any) -> None:
    wrong = dropzone.delivery.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(TransportError) as caught:
        await dropzone.connector.stage(wrong, dropzone.config, no_progress)
    assert caught.value.code is TransportCode.DOCUMENT_INVALID
    assert dropzone.files.names() == set()


@pytest.mark.parametrize("name", ["../up.json", "a/b.json", "", "..", "nul\x00.json", "line\n.json"])
async def test_a_file_name_that_is_a_path_is_refused(dropzone: Any, name: str) -> None:
    delivery = dropzone.delivery.model_copy(update={"file_name": name})
    with pytest.raises(TransportError) as caught:
        await dropzone.connector.stage(delivery, dropzone.config, no_progress)
    assert caught.value.code is TransportCode.DOCUMENT_INVALID


@pytest.mark.parametrize("first_try", [True, False])
async def test_staged_and_no_final_is_published(dropzone: Any, first_try: bool) -> None:
    staged = await stage(dropzone)
    assert await publish(dropzone, staged, first_try=first_try) is PublishOutcome.PUBLISHED
    assert dropzone.files.names() == {staged.file_name}
    assert dropzone.files.read(staged.file_name) == dropzone.delivery.document.encode()


@pytest.mark.parametrize("first_try", [True, False])
async def test_no_staged_and_the_same_final_is_done(dropzone: Any, first_try: bool) -> None:
    staged = await stage(dropzone)
    await publish(dropzone, staged)
    assert await publish(dropzone, staged, first_try=first_try) is PublishOutcome.ALREADY_THERE
    assert dropzone.files.names() == {staged.file_name}


async def test_neither_on_a_later_try_is_unconfirmed(dropzone: Any) -> None:
    staged = await stage(dropzone)
    await publish(dropzone, staged)
    dropzone.files.take(staged.file_name)
    assert await publish(dropzone, staged, first_try=False) is PublishOutcome.UNCONFIRMED
    assert dropzone.files.names() == set()


async def test_neither_on_the_first_try_is_a_lost_staged_file(dropzone: Any) -> None:
    staged = await stage(dropzone)
    dropzone.files.take(staged.temp_name)
    with pytest.raises(StagedFileLost):
        await publish(dropzone, staged)
    assert dropzone.files.names() == set()


@pytest.mark.parametrize("first_try", [True, False])
async def test_a_half_done_rename_is_finished(dropzone: Any, first_try: bool) -> None:
    staged = await stage(dropzone)
    dropzone.files.write(staged.file_name, dropzone.delivery.document.encode())
    assert await publish(dropzone, staged, first_try=first_try) is PublishOutcome.ALREADY_THERE
    assert dropzone.files.names() == {staged.file_name}


@pytest.mark.parametrize("first_try", [True, False])
@pytest.mark.parametrize("staged_present", [True, False])
@pytest.mark.parametrize("same_size", [True, False])
async def test_a_conflict_touches_nothing(
    dropzone: Any, first_try: bool, staged_present: bool, same_size: bool
) -> None:
    staged = await stage(dropzone)
    if not staged_present:
        dropzone.files.take(staged.temp_name)
    other = b"x" * (staged.size_bytes if same_size else 3)
    dropzone.files.write(staged.file_name, other)
    before = dropzone.files.names()
    with pytest.raises(FinalFileConflict) as caught:
        await publish(dropzone, staged, first_try=first_try)
    assert caught.value.staged_present is staged_present
    assert dropzone.files.names() == before
    assert dropzone.files.read(staged.file_name) == other


async def test_a_staged_file_that_changed_is_not_published(dropzone: Any) -> None:
    staged = await stage(dropzone)
    dropzone.files.write(staged.temp_name, b"half")
    with pytest.raises(TransportError) as caught:
        await publish(dropzone, staged)
    assert caught.value.code is TransportCode.VERIFICATION_FAILED
    assert dropzone.files.names() == {staged.temp_name}


async def test_a_missing_folder_is_never_taken_for_a_taken_file(dropzone: Any) -> None:
    staged = await stage(dropzone)
    dropzone.files.remove_folder()
    with pytest.raises(TransportError) as caught:
        await publish(dropzone, staged, first_try=False)
    assert caught.value.code is TransportCode.FOLDER_NOT_FOUND


async def test_staging_into_a_missing_folder_says_so(dropzone: Any) -> None:
    dropzone.files.remove_folder()
    with pytest.raises(TransportError) as caught:
        await stage(dropzone)
    assert caught.value.code is TransportCode.FOLDER_NOT_FOUND
    assert not caught.value.retryable


async def test_fence_that_removes_the_staged_file_means_not_sent(dropzone: Any) -> None:
    staged = await stage(dropzone)
    assert await dropzone.connector.fence(staged, dropzone.config) is FenceOutcome.NOT_SENT
    assert dropzone.files.names() == set()


async def test_fence_after_a_publish_means_may_have_been_sent(dropzone: Any) -> None:
    staged = await stage(dropzone)
    await publish(dropzone, staged)
    assert await dropzone.connector.fence(staged, dropzone.config) is FenceOutcome.MAY_HAVE_BEEN_SENT
    assert dropzone.files.names() == {staged.file_name}


async def test_fence_of_a_half_done_rename_means_may_have_been_sent(dropzone: Any) -> None:
    staged = await stage(dropzone)
    dropzone.files.write(staged.file_name, dropzone.delivery.document.encode())
    assert await dropzone.connector.fence(staged, dropzone.config) is FenceOutcome.MAY_HAVE_BEEN_SENT


async def test_publish_after_the_fence_publishes_nothing(dropzone: Any) -> None:
    staged = await stage(dropzone)
    await dropzone.connector.fence(staged, dropzone.config)
    await publish(dropzone, staged, first_try=False)
    assert dropzone.files.names() == set()


async def test_repeating_every_step_makes_one_file(dropzone: Any) -> None:
    staged = await stage(dropzone)
    for _ in range(3):
        await publish(dropzone, staged, first_try=False)
    again = await stage(dropzone)
    await publish(dropzone, again)
    assert dropzone.files.names() == {staged.file_name}


async def test_export_does_both_steps(dropzone: Any) -> None:
    result = await dropzone.connector.export(dropzone.delivery, dropzone.config)
    assert result.success, result.error_message
    assert dropzone.files.names() == {dropzone.delivery.file_name}


async def test_a_failed_export_says_why(dropzone: Any) -> None:
    dropzone.files.remove_folder()
    result = await dropzone.connector.export(dropzone.delivery, dropzone.config)
    assert not result.success
    assert result.error_message.startswith("Folder not found")


async def test_the_connection_test_leaves_nothing_behind(dropzone: Any) -> None:
    result = await dropzone.connector.test_connection(dropzone.config)
    assert result.success, result.error_message
    assert result.capabilities.rename
    if dropzone.profile is not None:
        seen = {name: getattr(result.capabilities, name) for name in PROBED}
        assert seen == {name: getattr(dropzone.profile, name) for name in PROBED}
    assert result.host_key_fingerprint == dropzone.fingerprint
    assert dropzone.files.names() == set()


async def test_the_connection_test_reports_a_missing_folder_without_raising(dropzone: Any) -> None:
    dropzone.files.remove_folder()
    result = await dropzone.connector.test_connection(dropzone.config)
    assert not result.success
    assert result.code == "FOLDER_NOT_FOUND"
    assert result.host_key_fingerprint == dropzone.fingerprint


async def test_a_configuration_survives_storage(dropzone: Any) -> None:
    assert dropzone.connector.load(dropzone.connector.dump(dropzone.config)) == dropzone.config


async def test_an_empty_and_a_large_document_arrive(dropzone: Any) -> None:
    import hashlib

    for document in ("", "ä" * 400_000):
        content = document.encode()
        delivery = dropzone.delivery.model_copy(
            update={
                "document": document,
                "sha256": hashlib.sha256(content).hexdigest(),
                "size_bytes": len(content),
            }
        )
        staged = await dropzone.connector.stage(delivery, dropzone.config, no_progress)
        await publish(dropzone, staged)
        assert dropzone.files.read(staged.file_name) == content
        dropzone.files.take(staged.file_name)
