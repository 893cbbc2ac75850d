"""Counts of what nobody has told, and the end of notices that were told.

Revision ID: 0023
"""

from pathlib import Path

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    sql = Path(__file__).with_name("0023_told_notices.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("REVOKE DELETE ON line_notice FROM countersign_app")
    op.execute("DROP INDEX line_notice_told")
    op.execute("DROP FUNCTION count_untold()")
