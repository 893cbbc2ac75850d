"""Begin and end a try of a delivery in one round trip each.

Revision ID: 0020
"""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    sql = Path(__file__).with_name("0020_begin_try.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION end_try(uuid, uuid, integer, text, integer, jsonb, jsonb, timestamptz, jsonb)")
    op.execute(
        "DROP FUNCTION begin_try(uuid, uuid, uuid, timestamptz, jsonb, jsonb, text, integer, integer, jsonb)"
    )
    op.execute("DROP FUNCTION open_try(uuid, uuid, timestamptz, jsonb, jsonb, text)")
