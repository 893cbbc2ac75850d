"""How long activities may take and how they are tried again: the whole table.

Which delivery errors pass is domain/transport.py's to say; docs/operators.md explains the numbers.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy

from domain.transport import TRANSPORT_RULES, TransportCode

LOST = "StagedFileLost"
HELD = TransportCode.CONNECTION_PAUSED.value  # the workflow waits for the end of the pause, not an activity
FINAL_DELIVERY_ERRORS = [
    *(code.value for code, rule in TRANSPORT_RULES.items() if not rule.retryable),
    LOST,
    HELD,
]


@dataclass(frozen=True)
class ActivityPolicy:
    start_to_close: timedelta
    retry: RetryPolicy
    heartbeat: timedelta | None = None
    schedule_to_close: timedelta | None = None  # all tries together


# For as long as the database is away, visible in the Web UI as a pending activity.
RECORD = ActivityPolicy(
    timedelta(seconds=5),
    RetryPolicy(
        initial_interval=timedelta(milliseconds=250),
        backoff_coefficient=2,
        maximum_interval=timedelta(seconds=5),
    ),
)
# As for a record: what a line waits for is asked until there is an answer.
LOOK_UP_LINES = ActivityPolicy(timedelta(seconds=20), RECORD.retry)
READ_FACTS = ActivityPolicy(
    timedelta(seconds=2.2), RetryPolicy(maximum_attempts=1), schedule_to_close=timedelta(seconds=2.2)
)

_DELIVERY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=60),
    non_retryable_error_types=FINAL_DELIVERY_ERRORS,
)
STAGE = ActivityPolicy(timedelta(seconds=120), _DELIVERY, heartbeat=timedelta(seconds=6))
PUBLISH = ActivityPolicy(timedelta(seconds=120), _DELIVERY, heartbeat=timedelta(seconds=6))
FENCE = ActivityPolicy(
    timedelta(seconds=45),
    RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=4),
    heartbeat=timedelta(seconds=6),
)
# One try: the proof's workflow pauses between them itself, and says why (workflows/proof_mailing.py).
# Its approvers one after the other, each at a mail server that may take minutes to answer.
SEND_PROOF = ActivityPolicy(
    timedelta(hours=1), RetryPolicy(maximum_attempts=1), heartbeat=timedelta(seconds=20)
)
# Everyone who waits for a decision hears it late by what a killed worker costs: the heartbeat's time at most.
TELL_DECISION = ActivityPolicy(
    timedelta(hours=1), RetryPolicy(maximum_interval=timedelta(seconds=10)), heartbeat=timedelta(seconds=8)
)

# Tried until it is done, however long database, drafts or proofs are away.
_PATIENT = RetryPolicy(maximum_interval=timedelta(seconds=30))
SETTLE_CALLBACK = ActivityPolicy(timedelta(seconds=30), _PATIENT)
TELL_NOTICE = ActivityPolicy(timedelta(hours=1), _PATIENT, heartbeat=timedelta(seconds=20))
RELEASE = ActivityPolicy(timedelta(hours=2), _PATIENT, heartbeat=timedelta(seconds=20))
BULK_STEP = ActivityPolicy(timedelta(minutes=5), _PATIENT, heartbeat=timedelta(seconds=20))
# Given up after a day: whoever still wants the link asks again.
RENEW_LINK = ActivityPolicy(
    timedelta(minutes=10),  # the mail server has minutes to answer
    RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=5)),
    heartbeat=timedelta(seconds=20),
    schedule_to_close=timedelta(days=1),
)

# Set going by a schedule, whose next run is one more try.
_THRICE = RetryPolicy(maximum_attempts=3)
_ONCE = RetryPolicy(maximum_attempts=1)
RELAY = ActivityPolicy(timedelta(minutes=2), _THRICE)
RECONCILE = ActivityPolicy(timedelta(minutes=30), _THRICE, heartbeat=timedelta(seconds=60))
SWEEP = ActivityPolicy(timedelta(hours=1), _THRICE, heartbeat=timedelta(seconds=120))
POLL_ACKS = ActivityPolicy(
    timedelta(seconds=90),
    _ONCE,
    heartbeat=timedelta(seconds=10),
    schedule_to_close=timedelta(seconds=150),
)
ALIGN_ACK_POLLS = ActivityPolicy(
    timedelta(seconds=60),
    _ONCE,
    heartbeat=timedelta(seconds=20),
    schedule_to_close=timedelta(seconds=150),
)
CHECK_REMINDERS = ActivityPolicy(
    timedelta(minutes=5),
    _ONCE,
    heartbeat=timedelta(seconds=30),
    schedule_to_close=timedelta(minutes=10),
)

# A customer's morning: each step has until the day is over.
_MORNING = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
_MAIL = RetryPolicy(initial_interval=timedelta(seconds=20), maximum_interval=timedelta(minutes=10))
PLAN_REMINDERS = ActivityPolicy(timedelta(seconds=10), _MORNING)
ESCALATE_PROOFS = ActivityPolicy(timedelta(minutes=5), _MORNING, heartbeat=timedelta(seconds=30))
SEND_DIGEST = ActivityPolicy(
    timedelta(hours=1),  # the mail server has minutes to answer
    _MAIL,
    heartbeat=timedelta(minutes=1),
)
