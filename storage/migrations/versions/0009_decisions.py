"""What a color-up's row says of its decision: way and address; and when its proof was sent.

Revision ID: 0009
"""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    sql = Path(__file__).with_name("0009_decisions.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP INDEX logo_of_customer")
    op.execute("DROP INDEX color_up_of_customer")
    op.execute(
        "ALTER TABLE color_up DROP COLUMN sent_at, DROP COLUMN decided_by_email, DROP COLUMN decided_via"
    )
