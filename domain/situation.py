"""Everything a decision may look at besides the message."""

from dataclasses import dataclass
from datetime import datetime

from domain.draft import Draft
from domain.facts import Facts
from domain.line_facts import LineFacts
from domain.policy import OrgPolicy


@dataclass(frozen=True)
class Situation:
    draft: Draft
    at: datetime
    policy: OrgPolicy
    facts: Facts | None = None
    lines: LineFacts | None = None

    @property
    def known(self) -> Facts:
        if self.facts is None:
            raise AssertionError("this command is decided on facts; the workflow must read them first")
        return self.facts

    @property
    def known_lines(self) -> LineFacts:
        if self.lines is None:
            raise AssertionError("this command is decided on lines' facts; the workflow must read them first")
        return self.lines
