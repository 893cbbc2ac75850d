"""A delivery's error as Temporal keeps it: the sentence for operators, what is technical in the details."""

from datetime import timedelta
from typing import Any

from temporalio.exceptions import ApplicationError

from domain.transport import FinalFileConflict, StagedFileLost, TransportCode, TransportError


def application_error(error: TransportError | StagedFileLost) -> ApplicationError:
    if isinstance(error, StagedFileLost):
        return ApplicationError("The staged file is gone; staging it again", type="StagedFileLost")
    details: dict[str, Any] = {"technical": error.technical}
    if isinstance(error, FinalFileConflict):
        details["staged_present"] = error.staged_present
    # the message goes to operators; what is technical stays in the details
    message = error.sentence
    if error.code is TransportCode.DOCUMENT_INVALID and error.technical:
        message = f"{message} ({error.technical})"
    wait = None if error.retry_after_s is None else timedelta(seconds=error.retry_after_s)
    return ApplicationError(
        message,
        details,
        type=error.code.value,
        non_retryable=not error.retryable,
        next_retry_delay=wait if error.retryable else None,
    )
