"""Notices that nobody has told yet, for the relay.

Revision ID: 0017
"""

from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    sql = Path(__file__).with_name("0017_untold_notices.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION list_untold_notices(timestamptz, integer)")
    op.execute("DROP POLICY owner_reads ON line_notice")
