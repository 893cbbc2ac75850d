"""Indexes for lists of many drafts and a long audit trail.

Revision ID: 0003
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    sql = Path(__file__).with_name("0003_long_lists.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    for name in ("draft_order_waiting", "draft_order_live", "audit_log_newest"):
        op.execute(f"DROP INDEX {name}")
    for name in ("audit_log_by_action", "audit_log_by_actor"):
        op.execute(f"DROP INDEX {name}")
    op.execute("CREATE INDEX draft_order_open ON draft_order (org_id) WHERE waiting_for IS NOT NULL")
    op.execute("CREATE INDEX audit_log_newest ON audit_log (org_id, position DESC)")
