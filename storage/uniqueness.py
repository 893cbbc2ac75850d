"""What must not exist twice: turns PostgreSQL's complaint into `Taken`."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from storage.database import constraint


class Taken(Exception):
    """Another row of the org has this value already; the transaction is over."""


@contextmanager
def unique(name: str) -> Iterator[None]:
    """Raise `Taken` when the statement inside breaks the constraint or unique index `name`."""
    try:
        yield
    except IntegrityError as error:
        if constraint(error) == name:
            raise Taken(name) from error
        raise
