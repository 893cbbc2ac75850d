"""E-mail addresses as people type them; only their shape is checked, as the mail server's side does."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from domain.mail_addresses import is_mailable
from domain.values import printable


def _shaped(text: str) -> str:
    if not is_mailable(text):
        raise ValueError("must be an e-mail address, like name@company.example")
    return text


Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=254, strip_whitespace=True),
    AfterValidator(printable),
    AfterValidator(_shaped),
]
