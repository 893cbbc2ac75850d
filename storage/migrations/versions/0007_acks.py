"""The ledger of ack files: a row for every file that an ERP wrote, and what became of it.

Revision ID: 0007
"""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    sql = Path(__file__).with_name("0007_acks.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION receive_acks(jsonb)")
    op.execute("DROP TABLE erp_ack")
    op.execute("DROP INDEX erp_export_by_file")
    op.execute("ALTER TABLE erp_connection DROP COLUMN last_ack_poll_at, DROP COLUMN last_ack_poll_error")
