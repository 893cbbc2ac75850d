"""Servers that are away: what an activity says of them, for whatever it was doing."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError

from commands.draft_orders import TemporalUnavailable
from domain.refusals import FactsUnavailable
from storage.database import DatabaseUnavailable


@contextmanager
def outages_told() -> Iterator[None]:
    """As failures that the Web UI shows in a sentence, and Temporal tries again."""
    try:
        yield
    except (DatabaseUnavailable, TemporalUnavailable, FactsUnavailable) as error:
        raise ApplicationError(str(error), type=type(error).__name__) from None
