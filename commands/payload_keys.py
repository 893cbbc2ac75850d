"""Under which keys Temporal's histories are encrypted: read as they are stored, nothing is decrypted."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from config.codec import ENCODING
from config.keys import key_id_of

_LIMIT = timedelta(seconds=10)


async def payload_keys(client: Client, *, closed: bool) -> AsyncIterator[tuple[str, Counter[str]]]:
    """Each open workflow's id, and how many of its payloads each key wrote; with `closed`, finished ones too.

    Raises:
        RPCError: Temporal did not answer.
    """
    query = None if closed else "ExecutionStatus = 'Running'"
    async for found in client.list_workflows(query, rpc_timeout=_LIMIT):
        handle = client.get_workflow_handle(found.id, run_id=found.run_id)
        keys: Counter[str] = Counter()
        try:
            async for event in handle.fetch_history_events(rpc_timeout=_LIMIT):
                keys.update(key_ids(event))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                continue  # retention ended while we looked
            raise
        yield found.id, keys


def key_ids(message: Message) -> Iterator[str]:
    """Of every encrypted payload inside; "unknown" for bytes that are none of ours."""
    if isinstance(message, Payload):
        if message.metadata.get("encoding") == ENCODING:
            yield key_id_of(message.data) or "unknown"
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            parts = list(value.values()) if isinstance(next(iter(value.values())), Message) else []
        else:
            parts = [value] if isinstance(value, Message) else list(value)
        for part in parts:
            yield from key_ids(part)
