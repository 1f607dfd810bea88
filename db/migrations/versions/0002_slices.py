"""Slices of a job, controls, what was screened, and where scores came from."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_REFERENCES = ("control_of", "parent_id")
_PLAIN = ("part", "num_slices", "num_screened", "tallies")


def upgrade() -> None:
    """Go up."""
    # Written out: SQLite adds a reference only together with its column.
    for name in _REFERENCES:
        op.execute(
            f"ALTER TABLE job ADD COLUMN {name} INTEGER "
            f"CONSTRAINT fk_job_{name} REFERENCES job (id)"
        )
        op.create_index(op.f(f"ix_job_{name}"), "job", [name])
    op.add_column("job", sa.Column("part", sa.Integer(), nullable=True))
    for name in ("num_slices", "num_screened"):
        op.add_column("job", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.add_column("job", sa.Column("tallies", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Go down. A job that is cut cannot go on without its slices, so it ends."""
    op.execute(
        "UPDATE job SET state = 'cancelled', reason = 'the database went back a version' "
        "WHERE num_slices > 0 AND state NOT IN ('cancelled', 'failed', 'succeeded')"
    )
    op.execute("DELETE FROM state_change WHERE job_id IN (SELECT id FROM job WHERE part >= 0)")
    op.execute("DELETE FROM job WHERE part >= 0")
    for name in _PLAIN:
        op.drop_column("job", name)
    for name in _REFERENCES:
        op.drop_index(op.f(f"ix_job_{name}"), table_name="job")
        op.execute(f"ALTER TABLE job DROP COLUMN {name}")
