"""PostgreSQL as the processes use it."""

from tests.storage.conftest import database, org, owner

__all__ = ["database", "org", "owner"]
