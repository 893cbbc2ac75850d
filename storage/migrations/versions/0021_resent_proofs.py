"""A proof that was sent again is told by a notice.

Revision ID: 0021
"""

from alembic import op

revision = "0021"
down_revision = "0020"

_KINDS = "ALTER TABLE line_notice ADD CONSTRAINT line_notice_kind_check CHECK (kind IN ({}))"


def upgrade() -> None:
    op.execute("ALTER TABLE line_notice DROP CONSTRAINT line_notice_kind_check")
    op.execute(_KINDS.format("'approver', 'logo', 'color_up', 'proof_resent'"))


def downgrade() -> None:
    # the relay of before knows no such notice; a proof that nobody told by now has to be sent again
    op.execute("DELETE FROM line_notice WHERE kind = 'proof_resent'")
    op.execute("ALTER TABLE line_notice DROP CONSTRAINT line_notice_kind_check")
    op.execute(_KINDS.format("'approver', 'logo', 'color_up'"))
