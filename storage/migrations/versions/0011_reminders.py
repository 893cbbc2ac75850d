"""Reminders of undecided proofs: on which days, what went out, who is to be called.

Revision ID: 0011
"""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    sql = Path(__file__).with_name("0011_reminders.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    for table in ("reminder_plan", "proof_phone_call", "proof_reminder"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP INDEX color_up_pending")
    op.execute("ALTER TABLE customer DROP COLUMN holidays, DROP COLUMN reminder_days")
