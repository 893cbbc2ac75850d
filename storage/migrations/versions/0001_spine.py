"""The spine: orgs, catalog, drafts, exports, audit; row-level security from the start.

Revision ID: 0001
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    sql = Path(__file__).with_name("0001_spine.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    raise RuntimeError("the first migration has no way back; restore a backup instead")
