"""Reports by session, findable by candidate."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "reports",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("candidate_id", sa.String(64), nullable=False, index=True),
        sa.Column("started_us", sa.BigInteger, nullable=False),
        sa.Column("json", sa.LargeBinary, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("reports")
