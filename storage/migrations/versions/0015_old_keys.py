"""The age of idempotency keys, by which the sweeper finds the old ones.

Revision ID: 0015
"""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("CREATE INDEX idempotency_key_age ON idempotency_key (org_id, created_at)")


def downgrade() -> None:
    op.execute("DROP INDEX idempotency_key_age")
