"""Proofs: links for approvers, the terms that they agree to, and what they saw when they decided.

Revision ID: 0013
"""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"

_TABLES = ("proof_sheet", "proof_terms", "proof_link")


def upgrade() -> None:
    sql = Path(__file__).with_name("0013_proof_links.sql").read_text()
    for statement in sql.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION find_proof_link(text)")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
