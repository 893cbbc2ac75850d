"""A notification for each recorded decision, by org, draft and sequence.

Revision ID: 0005
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    sql = Path(__file__).with_name("0005_record_rings.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER draft_record_rings ON draft_record")
    op.execute("DROP FUNCTION ring_for_record()")
