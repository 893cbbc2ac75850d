"""End the tries of an export with the export itself.

Revision ID: 0018
"""

from pathlib import Path

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    sql = Path(__file__).with_name("0018_ends_of_tries.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP INDEX erp_push_log_open")
    op.execute("DROP TRIGGER export_over ON erp_export")
    op.execute("DROP FUNCTION export_over()")
    op.execute("DROP FUNCTION end_tries(uuid)")
