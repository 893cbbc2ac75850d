"""Commands on many drafts: who asked, and one row for each draft with how it went.

Revision ID: 0006
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    sql = Path(__file__).with_name("0006_bulk.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP TABLE bulk_item")
    op.execute("DROP TABLE bulk_command")
