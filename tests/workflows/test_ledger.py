"""What a draft's workflow remembers of the messages that it has answered."""

from datetime import UTC, datetime
from uuid import uuid4

from domain import messages as msg
from domain.policy import OrgPolicy
from domain.records import KEYLESS_REMEMBERED, KEYS_REMEMBERED, SeenKey
from domain.statuses import Via
from domain.transitions import Command
from tests.workflows.harness import GOOD_HEADER, OPS, ORG
from workflows.ledger import Ledger

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


def test_single_messages_are_carried_for_a_while_and_crowd_no_key_out() -> None:
    ledger = opened()
    ledger.remember(answered("with a key", key="k"))
    for number in range(KEYLESS_REMEMBERED + 1):
        ledger.remember(answered(f"t-{number}"))
    resumed = Ledger.resumed(ledger.carried(), "next run")
    assert known(resumed, "another request", key="k")
    assert not resumed.older_on_record
    assert not known(resumed, "t-0")
    assert all(known(resumed, f"t-{number}") for number in range(1, KEYLESS_REMEMBERED + 1))


def test_the_newest_keys_are_carried_and_it_is_known_for_ever_that_there_are_older_ones() -> None:
    ledger = opened()
    for number in range(KEYS_REMEMBERED):
        ledger.remember(answered(f"t-{number}", key=f"k-{number}"))
    assert not Ledger.resumed(ledger.carried(), "next run").older_on_record
    ledger.remember(answered("one more", key="one more"))
    resumed = Ledger.resumed(ledger.carried(), "next run")
    assert resumed.older_on_record
    assert not known(resumed, "another request", key="k-0")
    assert known(resumed, "another request", key="k-1")
    assert known(resumed, "another request", key="one more")
    assert Ledger.resumed(resumed.carried(), "the run after").older_on_record


def test_long_answers_are_carried_as_far_as_there_is_room_for_them() -> None:
    ledger = opened()
    for number in range(100):
        long = answered(f"t-{number}", key=f"k-{number}")
        ledger.remember(long.model_copy(update={"result": {"lines": "x" * 50_000}}))
    carried = ledger.carried()
    assert 1 < len(carried.model_dump_json()) < 500_000
    assert carried.older_on_record
    assert [each.key for each in carried.seen] == [f"k-{number}" for number in range(93, 100)]


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
