"""Kept sessions: when they are used again, and above all when they are not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors.configuration import Known
from connectors.port import no_progress
from connectors.sftp_pool import IDLE_PER_OWNER, OPEN_PER_OWNER
from domain.delivery import Capabilities, PublishOutcome, StagedFile
from domain.transport import FinalFileConflict, TransportCode, TransportError
from tests.connectors.conftest import Dropzone, make_delivery, sftp_dropzone
from tests.connectors.proxy import Proxy, tcp_proxy


class Counting(asyncssh.SFTPServer):
    renames = 0

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        type(self).renames += 1
        super().posix_rename(oldpath, newpath)

    rename = posix_rename


@dataclass
class Zone:
    zone: Dropzone
    proxy: Proxy

    def saved(self, owner: str = "org-1/connection-1", **changes: Any) -> Any:
        """A saved connection's configuration: only such a one is kept."""
        connector = self.zone.connector
        config = connector.merge(self.zone.config, {"port": self.proxy.port, **changes})
        return connector.load(connector.dump(config), Known(owner))

    async def stage(self, config: Any) -> StagedFile:
        staged: StagedFile = await self.zone.connector.stage(make_delivery(), config, no_progress)
        return staged

    async def publish(self, staged: StagedFile, config: Any, *, first_try: bool = True) -> PublishOutcome:
        outcome: PublishOutcome = await self.zone.connector.publish(
            staged, config, first_try=first_try, on_progress=no_progress
        )
        return outcome

    async def export(self, config: Any) -> None:
        staged = await self.stage(config)
        assert await self.publish(staged, config) is PublishOutcome.PUBLISHED
        self.zone.files.take(staged.file_name)

    async def links(self, wanted: int) -> None:
        """Wait until that many connections are open."""
        async with asyncio.timeout(20):
            while len(self.proxy.links) != wanted:
                await asyncio.sleep(0.01)


@pytest.fixture
async def pooled(tmp_path: Path) -> AsyncIterator[Zone]:
    Counting.renames = 0
    async with (
        sftp_dropzone(tmp_path, sftp_class=Counting, connect_timeout_s=20, operation_timeout_s=20) as zone,
        tcp_proxy(zone.config.port) as proxy,
    ):
        yield Zone(zone, proxy)


async def test_the_steps_of_exports_share_one_session(pooled: Zone) -> None:
    config = pooled.saved()
    for _ in range(3):
        await pooled.export(config)
    assert pooled.proxy.opened == 1


async def test_each_try_reads_the_configuration_afresh_and_still_finds_its_session(pooled: Zone) -> None:
    for _ in range(2):
        await pooled.export(pooled.saved())
    assert pooled.proxy.opened == 1


async def test_a_configuration_that_is_not_saved_is_never_kept(pooled: Zone) -> None:
    config = pooled.zone.connector.merge(pooled.zone.config, {"port": pooled.proxy.port})
    await pooled.export(config)
    assert pooled.proxy.opened == 2
    await pooled.links(0)


async def test_two_owners_never_share_a_session_even_with_equal_configurations(pooled: Zone) -> None:
    for owner in ("org-1/connection-1", "org-2/connection-1", "org-1/connection-2"):
        await pooled.export(pooled.saved(owner))
    assert pooled.proxy.opened == 3


@pytest.mark.parametrize(
    "change",
    [{"operation_timeout_s": 19}, {"host_key_fingerprints": "more"}, {"export_path": "/acks"}],
    ids=["timeout", "host keys", "path"],
)
async def test_a_changed_configuration_closes_the_old_session(pooled: Zone, change: dict[str, Any]) -> None:
    await pooled.export(pooled.saved())
    if "host_key_fingerprints" in change:
        change = {"host_key_fingerprints": [pooled.zone.fingerprint, "SHA256:" + "A" * 43]}
    await pooled.stage(pooled.saved(**change))
    assert pooled.proxy.opened == 2
    await pooled.links(1)


async def test_a_withdrawn_host_key_is_not_outlived_by_a_session(pooled: Zone) -> None:
    await pooled.export(pooled.saved())
    with pytest.raises(TransportError) as caught:
        await pooled.stage(pooled.saved(host_key_fingerprints=["SHA256:" + "A" * 43]))
    assert caught.value.code is TransportCode.HOST_KEY_MISMATCH


@pytest.mark.parametrize("how", ["cut", "swallowed"])
async def test_a_session_that_broke_while_idle_costs_no_try(pooled: Zone, how: str) -> None:
    config = pooled.saved()
    await pooled.export(config)
    if how == "cut":
        pooled.proxy.cut_open()
    else:
        pooled.proxy.swallow_open()
    await pooled.export(config)
    assert pooled.proxy.opened == 2
    assert Counting.renames == 2


async def test_a_rename_whose_answer_was_lost_is_asked_for_once(pooled: Zone) -> None:
    config = pooled.saved()
    await pooled.export(config)
    staged = await pooled.stage(config)
    before = Counting.renames
    pooled.proxy.lose_reply_when = lambda: Counting.renames > before
    with pytest.raises(TransportError) as caught:
        await pooled.publish(staged, config)
    assert caught.value.retryable
    pooled.proxy.lose_reply_when = lambda: False
    assert pooled.proxy.lost == 1
    assert Counting.renames == before + 1
    assert await pooled.publish(staged, config, first_try=False) is PublishOutcome.ALREADY_THERE
    assert Counting.renames == before + 1


async def test_a_session_is_not_kept_after_a_failure(pooled: Zone) -> None:
    config = pooled.saved()
    with pytest.raises(TransportError):
        await pooled.stage(pooled.saved(export_path="/nowhere"))
    await pooled.links(0)
    staged = await pooled.stage(config)
    pooled.zone.files.write(staged.file_name, b"other")
    with pytest.raises(FinalFileConflict):
        await pooled.publish(staged, config)
    await pooled.links(1)  # a conflict is an answer and no failure of the session


async def test_an_idle_session_is_closed_after_a_while(pooled: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sftp_pool.IDLE_S", 0.05)
    await pooled.stage(pooled.saved())
    await pooled.links(0)
    assert pooled.zone.connector._pool._owners == {}


async def test_an_old_session_logs_in_again(pooled: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sftp_pool.MAX_AGE_S", 0.0)
    await pooled.export(pooled.saved())
    assert pooled.proxy.opened == 2
    await pooled.links(1)


async def test_many_exports_at_once_stay_within_the_bounds(pooled: Zone) -> None:
    config = pooled.saved(connect_timeout_s=100)
    await asyncio.gather(*(pooled.stage(config) for _ in range(30)))
    assert pooled.proxy.most_at_once <= OPEN_PER_OWNER
    await pooled.links(IDLE_PER_OWNER)
    await pooled.zone.connector.close()
    await pooled.links(0)


async def test_what_the_last_test_saw_overrules_what_the_server_announces(tmp_path: Path) -> None:
    class Pretends(asyncssh.SFTPServer):
        """Announces posix-rename and fsync; both fail."""

        def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
            raise asyncssh.SFTPFailure("broken")

        def fsync(self, file_obj: object) -> Any:
            raise asyncssh.SFTPFailure("broken")

    async with sftp_dropzone(tmp_path, sftp_class=Pretends) as zone:
        result = await zone.connector.test_connection(zone.config)
        assert result.success, result.error_message
        assert isinstance(result.capabilities, Capabilities)
        assert not result.capabilities.posix_rename
        assert not result.capabilities.fsync
        with pytest.raises(TransportError):
            await zone.connector.stage(zone.delivery, zone.config, no_progress)
        able = zone.connector.load(zone.connector.dump(zone.config), Known("o/c", result.capabilities))
        staged = await zone.connector.stage(zone.delivery, able, no_progress)
        outcome = await zone.connector.publish(staged, able, first_try=True, on_progress=no_progress)
        assert outcome is PublishOutcome.PUBLISHED
