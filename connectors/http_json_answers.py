"""What an endpoint's answer means, as a table, and how much of it is kept.

`unsent` is said only where the receiver said no before it took anything; an answer that a gateway may have
given after the order had passed it is not one of those.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from domain.transport import TransportCode, TransportError

KEPT_CHARACTERS = 2048
LONGEST_PAUSE_S = 300.0


@dataclass(frozen=True)
class Meaning:
    code: TransportCode
    unsent: bool
    sentence: str


MEANINGS: dict[int, Meaning] = {
    400: Meaning(
        TransportCode.DOCUMENT_REFUSED, True, "Document refused: the receiver calls the request malformed"
    ),
    401: Meaning(
        TransportCode.AUTHENTICATION_FAILED,
        True,
        "Authentication failed: the receiver accepts neither signature nor token",
    ),
    403: Meaning(TransportCode.PERMISSION_DENIED, True, "Permission denied: the receiver does not let us in"),
    404: Meaning(
        TransportCode.ENDPOINT_NOT_FOUND, True, "Endpoint not found: there is nothing under the address"
    ),
    405: Meaning(TransportCode.ENDPOINT_NOT_FOUND, True, "Endpoint not found: the address takes no POST"),
    408: Meaning(TransportCode.CONNECTION_TIMEOUT, False, "The receiver says that the request took too long"),
    409: Meaning(
        TransportCode.SERVER_ERROR,
        False,
        "The receiver is still at work on this order's earlier delivery; asked again later",
    ),
    410: Meaning(TransportCode.ENDPOINT_NOT_FOUND, True, "Endpoint not found: it was taken away for good"),
    413: Meaning(TransportCode.DOCUMENT_REFUSED, True, "Document refused: too large for the receiver"),
    415: Meaning(TransportCode.DOCUMENT_REFUSED, True, "Document refused: the receiver takes no JSON"),
    422: Meaning(
        TransportCode.DOCUMENT_REFUSED,
        True,
        "Document refused: the receiver does not accept the order's content; its answer is in the push log",
    ),
    425: Meaning(TransportCode.RATE_LIMITED, True, "The receiver calls the request too early"),
    429: Meaning(TransportCode.RATE_LIMITED, True, "The receiver takes no more requests for now"),
    507: Meaning(TransportCode.DISK_FULL, False, "The receiver has no room for the order"),
}
_BY_CLASS: dict[int, Meaning] = {
    3: Meaning(
        TransportCode.REDIRECT_REFUSED,
        True,
        "Redirect refused: the endpoint points to another address; put the final one into the connection",
    ),
    4: Meaning(TransportCode.DOCUMENT_REFUSED, True, "Document refused: the receiver did not take the order"),
    5: Meaning(TransportCode.SERVER_ERROR, False, "The receiver reports an error of its own"),
}
_NO_SENSE = Meaning(TransportCode.SERVER_ERROR, False, "The receiver's answer is no HTTP answer that we know")


def require_taken(status: int, headers: Mapping[str, str], now: datetime) -> None:
    """
    Raises:
        TransportError: for every status that is not 2xx.
    """
    if 200 <= status <= 299:
        return
    meaning = MEANINGS.get(status) or _BY_CLASS.get(status // 100, _NO_SENSE)
    raise TransportError(
        meaning.code,
        f"HTTP {status}",
        sentence=f"{meaning.sentence} (HTTP {status})",
        unsent=meaning.unsent,
        retry_after_s=pause_s(headers.get("retry-after"), now),
    )


def pause_s(retry_after: str | None, now: datetime) -> float | None:
    """`Retry-After` in seconds, from 1 to `LONGEST_PAUSE_S`; None for one that cannot be read."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 1.0), LONGEST_PAUSE_S)


def kept(body: bytes, secrets: list[str], *, whole: bool) -> str:
    """The start of an answer for the push log: printable, and without our secrets if it echoes them."""
    text = body.decode("utf-8", "replace")
    if not whole:
        # what was cut off could be the rest of a secret that nothing would recognise
        text = text[: -max(map(len, secrets), default=0) or None]
    for secret in sorted(secrets, key=len, reverse=True):
        for written in (secret, secret.replace("/", "\\/")):
            text = text.replace(written, "[redacted]")
    text = "".join(character if character.isprintable() else " " for character in text)
    return text[:KEPT_CHARACTERS]
