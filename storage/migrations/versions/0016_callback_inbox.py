"""The inbox of signed callbacks, and the newest that were refused.

Revision ID: 0016
"""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    sql = Path(__file__).with_name("0016_callback_inbox.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION list_unsettled_callbacks(timestamptz, integer)")
    op.execute("DROP FUNCTION refuse_callback(jsonb, integer)")
    op.execute("DROP FUNCTION receive_callback(jsonb)")
    op.execute("DROP FUNCTION callback_secrets_of(uuid)")
    op.execute("DROP FUNCTION orgs_with_callback_secrets(integer)")
    op.execute("DROP FUNCTION find_color_up_org(uuid)")
    op.execute("DROP POLICY owner_reads ON color_up")
    op.execute("DROP POLICY owner_reads ON callback_secret")
    op.execute("DROP TABLE callback_refusal")
    op.execute("DROP TABLE callback_inbox")
