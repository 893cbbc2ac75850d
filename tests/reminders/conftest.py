"""PostgreSQL as the processes use it."""

from tests.storage.conftest import database, owner

__all__ = ["database", "owner"]
