"""Signals as people and tools send them: decoded by hand, because an error in a handler fails the draft."""

from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from domain.canonical import digest
from domain.color_ups import ColorUpDecided
from domain.messages import MESSAGES, Acknowledgement, Actor, Message, Origin, PhoneCall, Release
from domain.statuses import Via
from domain.transitions import Command


def _fields(arguments: Sequence[RawValue]) -> dict[str, Any]:
    if not arguments:
        return {}
    if len(arguments) > 1:
        raise TypeError("a signal takes one argument")
    value = workflow.payload_converter().from_payload(arguments[0].payload)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError("a signal's argument is a JSON object")
    return value


def read_command(command: Command, arguments: Sequence[RawValue]) -> Message:
    """`{"actor_user_id": …, "key": …, …the command's fields}`; may be left out altogether."""
    fields = _fields(arguments)
    actor = Actor(user_id=fields.pop("actor_user_id", None))
    key = fields.pop("key", None)
    own = set(MESSAGES[command].model_fields) - set(Message.model_fields)
    unknown = set(fields) - own
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
    return MESSAGES[command].model_validate(
        {**fields, "actor": actor, "key": key, "digest": digest(fields), "origin": Origin(via=Via.TEMPORAL)}
    )


def read_acknowledgement(arguments: Sequence[RawValue]) -> Acknowledgement:
    return Acknowledgement.model_validate(_fields(arguments))


def read_color_up_decided(arguments: Sequence[RawValue]) -> ColorUpDecided:
    return ColorUpDecided.model_validate(_fields(arguments))


def read_phone_call(arguments: Sequence[RawValue]) -> PhoneCall:
    return PhoneCall.model_validate(_fields(arguments))


def read_release(arguments: Sequence[RawValue]) -> Release:
    return Release.model_validate(_fields(arguments))
