"""Decorated lines: logos, color-ups, who waits for which, and the history of every line.

Revision ID: 0008
"""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"

_TABLES = ("line_status_history", "line_notice", "color_up_subscription", "color_up", "logo")


def upgrade() -> None:
    sql = Path(__file__).with_name("0008_lines.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute(
        "ALTER TABLE draft_order_line DROP COLUMN color_up_id, DROP COLUMN production_approved_at, "
        "DROP COLUMN production_approved_by_user_id"
    )
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
