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
READ_FACTS = ActivityPolicy(timedelta(seconds=2.2), RetryPolicy(maximum_attempts=1))

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
