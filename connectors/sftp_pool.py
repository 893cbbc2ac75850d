"""SFTP sessions that are kept open between the steps of exports, each used by one step at a time.

A session belongs to one owner (org and connection) and to one configuration, host keys included; it is
never handed to another. Before it is used again it must answer, so a broken one costs a fresh log-in and
no try; once a step has begun, nothing of it is repeated here: what a lost answer means is for the next
try to find out by looking.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

from connectors.dropzone_config import DropzoneConfig
from connectors.policy import ConnectorPolicy
from connectors.sftp_session import SftpSession, open_session, sftp_session
from domain.transport import FinalFileConflict, StagedFileLost, TransportCode, TransportError

IDLE_S = 20.0
MAX_AGE_S = 300.0  # then it logs in again: a withdrawn account or a moved host name must be noticed
IDLE_PER_OWNER = 4
IDLE_TOTAL = 64
OPEN_PER_OWNER = 8  # OpenSSH turns new clients away from the tenth that is logging in
ALIVE_S = 2.0


@dataclass(eq=False)
class _Kept:
    session: SftpSession
    config: DropzoneConfig
    opened_at: float
    timer: asyncio.TimerHandle | None = None


@dataclass
class _Owner:
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(OPEN_PER_OWNER))
    idle: list[_Kept] = field(default_factory=list)
    users: int = 0


class SftpPool:
    """The sessions of one process. It belongs to the event loop that uses it first."""

    def __init__(self, policy: ConnectorPolicy) -> None:
        self._policy = policy
        self._owners: dict[str, _Owner] = {}

    @asynccontextmanager
    async def session(self, config: DropzoneConfig) -> AsyncIterator[SftpSession]:
        """A session for one step: a kept one that answers, else a fresh one.

        A configuration that is not a saved connection's has no owner and gets a session of its own.

        Raises:
            TransportError: as `open_session`; CONNECTION_TIMEOUT when all sessions of the owner stay busy.
        """
        if config.known is None:
            async with sftp_session(config, self._policy) as session:
                yield session
            return
        owner = self._owners.setdefault(config.known.owner, _Owner())
        owner.users += 1
        try:
            await _slot(owner, config.connect_timeout_s)
            try:
                kept = await self._take(owner, config)
                async with self._given_back(owner, kept):
                    yield kept.session
            finally:
                owner.slots.release()
        finally:
            owner.users -= 1
            self._forget_if_empty(config.known.owner, owner)

    async def close(self) -> None:
        """Log out of all sessions that nobody uses now, and wait a moment for it to be heard."""
        idle = [(owner, kept) for owner in self._owners.values() for kept in owner.idle]
        for owner, kept in idle:
            self._drop(owner, kept)
        await asyncio.gather(*(kept.session.close() for _, kept in idle))

    async def _take(self, owner: _Owner, config: DropzoneConfig) -> _Kept:
        for kept in [kept for kept in owner.idle if kept.config != config]:
            self._drop(owner, kept)
        while owner.idle:
            kept = owner.idle.pop()  # the one used last: it is the likeliest to be alive
            _stop(kept)
            if await self._usable(kept):
                return kept
            kept.session.discard()
        return _Kept(await open_session(config, self._policy), config, monotonic())

    async def _usable(self, kept: _Kept) -> bool:
        if monotonic() - kept.opened_at >= MAX_AGE_S:
            return False
        try:
            return await kept.session.alive(min(ALIVE_S, kept.config.operation_timeout_s))
        except BaseException:
            kept.session.discard()
            raise

    @asynccontextmanager
    async def _given_back(self, owner: _Owner, kept: _Kept) -> AsyncIterator[None]:
        try:
            yield
        except (StagedFileLost, FinalFileConflict):
            self._keep(owner, kept)
            raise
        except BaseException:
            kept.session.discard()
            raise
        self._keep(owner, kept)

    def _keep(self, owner: _Owner, kept: _Kept) -> None:
        idle = sum(len(each.idle) for each in self._owners.values())
        if kept.session.spoilt or len(owner.idle) >= IDLE_PER_OWNER or idle >= IDLE_TOTAL:
            kept.session.discard()
            return
        owner.idle.append(kept)
        kept.timer = asyncio.get_running_loop().call_later(IDLE_S, self._drop, owner, kept)

    def _drop(self, owner: _Owner, kept: _Kept) -> None:
        _stop(kept)
        if kept in owner.idle:
            owner.idle.remove(kept)
        kept.session.discard()
        if kept.config.known is not None:
            self._forget_if_empty(kept.config.known.owner, owner)

    def _forget_if_empty(self, name: str, owner: _Owner) -> None:
        if not owner.idle and owner.users == 0 and self._owners.get(name) is owner:
            del self._owners[name]


def _stop(kept: _Kept) -> None:
    if kept.timer is not None:
        kept.timer.cancel()
        kept.timer = None


async def _slot(owner: _Owner, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await owner.slots.acquire()
    except TimeoutError:
        raise TransportError(
            TransportCode.CONNECTION_TIMEOUT, "all sessions of this connection are busy"
        ) from None
