"""E-mail addresses as people type them; only their shape is checked."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from domain.values import printable


def _shaped(text: str) -> str:
    name, at, host = text.partition("@")
    labels = host.split(".")
    if not (name and at and len(labels) > 1 and all(labels)) or "@" in host or any(c.isspace() for c in text):
        raise ValueError("must be an e-mail address, like name@company.example")
    return text


Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=254, strip_whitespace=True),
    AfterValidator(printable),
    AfterValidator(_shaped),
]
