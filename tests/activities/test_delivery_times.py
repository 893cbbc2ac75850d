"""What the push log says about the next try is what Temporal will do."""

from datetime import timedelta

import pytest

from activities.tries import next_try, next_wait
from tests.domain.orders import AT
from workflows.policies import PUBLISH, STAGE


@pytest.mark.parametrize("attempt", range(1, 40))
def test_the_wait_is_the_retry_policys(attempt: int) -> None:
    for policy in (STAGE.retry, PUBLISH.retry):
        assert policy.maximum_interval is not None
        grown = policy.initial_interval * policy.backoff_coefficient ** (attempt - 1)
        assert next_wait(attempt) == min(policy.maximum_interval, grown)


def test_no_try_is_promised_after_the_windows_end() -> None:
    wait = timedelta(seconds=60)
    assert next_try(AT, wait, AT + timedelta(seconds=61)) == AT + wait
    assert next_try(AT, wait, AT + timedelta(seconds=60)) is None
    assert next_try(AT, wait, None) == AT + wait
