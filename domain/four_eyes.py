"""The org's four_eyes rule: who edits, who approves and who signs for production are different people."""

from collections.abc import Mapping
from uuid import UUID

from domain.policy import OrgPolicy
from domain.refusals import FourEyesBroken


def hold_four_eyes(
    policy: OrgPolicy, person: UUID | None, others: Mapping[str, UUID | None], verb: str
) -> None:
    """`others` says who did what; a command from nobody breaks the rule, because it cannot be told apart.

    Raises:
        FourEyesBroken: `person` is one of `others`.
    """
    if not policy.four_eyes:
        return
    for role, other in others.items():
        if person is None or person == other:
            raise FourEyesBroken(f"The four_eyes rule is on: {role} may not also {verb}")
