"""Tell the event feeds of answers that come after a draft's workflow has ended.

Revision ID: 0022
"""

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    sql = Path(__file__).with_name("0022_late_answers.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP TABLE draft_note")
    op.execute("REVOKE USAGE ON SEQUENCE draft_record_position_seq FROM countersign_app")
