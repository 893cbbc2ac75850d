"""Counts of open drafts for the metrics page, over all orgs, without showing any of them.

Revision ID: 0002
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    sql = Path(__file__).with_name("0002_metrics.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION count_open_drafts()")
    op.execute("DROP INDEX draft_order_open")
