"""Which addresses a mail can go to: taken in by the API and used by the mail server under one rule.

A rule of our own: the standard library's parser fails on some texts and reads others as another address.
Quoted names and comments are not taken; letters beyond ASCII are (RFC 6531).
"""

import re

_BEYOND = r"[^\x00-\x7f]"
_ATOM = rf"(?:[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]|{_BEYOND})+"
_LABEL = rf"(?:[A-Za-z0-9_-]|{_BEYOND})+"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
_ENCODED_WORD = "=?"  # readers of mail would decode it into another address


def is_mailable(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None and text.isprintable() and _ENCODED_WORD not in text
