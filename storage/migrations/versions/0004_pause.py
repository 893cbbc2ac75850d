"""Who paused a connection and since when; a paused one keeps the org's place.

Revision ID: 0004
"""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    sql = Path(__file__).with_name("0004_pause.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP INDEX erp_export_pending")
    op.execute("DROP INDEX erp_connection_one_active")
    op.execute(
        "CREATE UNIQUE INDEX erp_connection_one_active ON erp_connection (org_id) WHERE status = 'ACTIVE'"
    )
    op.execute("ALTER TABLE erp_connection DROP COLUMN paused_at, DROP COLUMN paused_by")
