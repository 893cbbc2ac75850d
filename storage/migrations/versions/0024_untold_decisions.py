"""Decisions that drafts wait to hear of, for the relay.

Revision ID: 0024
"""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    sql = Path(__file__).with_name("0024_untold_decisions.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION list_untold_decisions(timestamptz, integer)")
    op.execute("DROP POLICY owner_reads ON color_up_subscription")
