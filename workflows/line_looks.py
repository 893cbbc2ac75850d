"""Looking lines up: which ones are due, and what the answers make of them. Source: docs/adr/0012.

A line is due when it waits for something outside and has not been looked up as it stands now. So every change
of a line brings a look, `look_again` brings one for all, and a new run begins with one for all.
"""

from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.draft import Line
    from domain.line_decisions import lines_request
    from domain.line_facts import LineFacts, question
    from domain.line_looks import Found, found, waits_outside
    from workflows import policies
    from workflows.ledger import Ledger
    from workflows.steps import step

# One activity's share: an answer holds at most a decision with a note for each line.
LINES_AT_ONCE = 200


class LineLooks:
    """`on` is False in a run of an older version, until a message comes that such versions did not know."""

    def __init__(self, ledger: Ledger, *, on: bool) -> None:
        self._ledger = ledger
        self._on = on
        self._looked_up: dict[UUID, Line] = {}  # as they were then; lines are never changed in place

    def again(self) -> None:
        """Something that lines may wait for has appeared."""
        self._on = True
        self._looked_up.clear()

    def switch_on(self) -> None:
        self._on = True

    def due(self) -> list[Line]:
        if not self._on:
            return []
        waiting = waits_outside(self._ledger.draft)
        return [line for line in waiting if self._looked_up.get(line.id) is not line][:LINES_AT_ONCE]

    async def look(self, lines: list[Line]) -> list[Found]:
        """Ask, once it is on record that the lines wait; what is found is about those that still stand so."""
        ledger, sequence = self._ledger, self._ledger.draft.version
        await workflow.wait_condition(lambda: ledger.recorded_sequence >= sequence)
        lines = self._still(lines)
        for line in lines:
            self._looked_up[line.id] = line
        if not lines:
            return []
        customer_id = ledger.draft.header.customer_id
        facts = await step(
            names.LOOK_UP_LINES,
            lines_request(ledger.draft, [question(line) for line in lines]),
            gives=LineFacts,
            policy=policies.LOOK_UP_LINES,
            summary=f"look up what {len(lines)} lines wait for",
        )
        if ledger.draft.header.customer_id != customer_id:
            return []  # all lines are other ones by now
        return found(ledger.draft, self._still(lines), facts)

    def _still(self, lines: list[Line]) -> list[Line]:
        """Those that nothing has changed meanwhile; the others are due again."""
        standing = {id(line) for line in waits_outside(self._ledger.draft)}
        return [line for line in lines if id(line) in standing]
