"""What a draft's workflow remembers of the messages that it has answered."""

from datetime import UTC, datetime
from uuid import uuid4

from domain import messages as msg
from domain.policy import OrgPolicy
from domain.records import SeenKey
from domain.statuses import Via
from domain.transitions import Command
from tests.workflows.harness import GOOD_HEADER, OPS, ORG
from workflows.ledger import KEYLESS_REMEMBERED, Ledger

CREATE = msg.CreateDraft(
    org_id=ORG,
    org_slug="demo",
    draft_id=uuid4(),
    number="D-000001",
    actor=OPS,
    origin=msg.Origin(via=Via.API),
    digest="d",
    token="t",
    header=GOOD_HEADER,
    lines=[],
    policy=OrgPolicy(),
)


def answered(token: str, key: str = "") -> SeenKey:
    return SeenKey(command="edit", key=key, digest="d", token=token, sequence=2, result={})


def opened() -> Ledger:
    return Ledger.opened(CREATE, datetime.now(UTC), "run")


def known(ledger: Ledger, token: str, key: str | None = None, command: Command = Command.EDIT) -> bool:
    return ledger.seen(command, msg.EditMessage(token=token, key=key)) is not None


def test_keys_are_carried_for_ever_and_single_messages_for_a_while() -> None:
    ledger = opened()
    ledger.remember(answered("with a key", key="k"))
    for number in range(KEYLESS_REMEMBERED + 1):
        ledger.remember(answered(f"t-{number}"))
    resumed = Ledger.resumed(ledger.carried(), "next run")
    assert known(resumed, "another request", key="k")
    assert not known(resumed, "t-0")
    assert all(known(resumed, f"t-{number}") for number in range(1, KEYLESS_REMEMBERED + 1))


def test_a_token_is_never_taken_for_a_key_nor_one_command_for_another() -> None:
    ledger = opened()
    ledger.remember(answered("x"))
    assert not known(ledger, "t", key="x")
    assert not known(ledger, "x", command=Command.APPROVE)
    assert not known(ledger, "")


def test_only_a_key_is_kept_beside_the_record_for_closed_drafts() -> None:
    ledger = opened()
    (record,) = ledger.outbox
    ledger.remember(answered("t").model_copy(update={"sequence": record.sequence}))
    assert record.seen is None
    ledger.remember(answered("t", key="k").model_copy(update={"sequence": record.sequence}))
    assert record.seen is not None
