"""Transport errors: which of them pass, and what an operator is told.

One row per code. Connectors raise `TransportError` with a code and nothing else decides whether a
delivery is tried again.
"""

from dataclasses import dataclass
from enum import StrEnum


class TransportCode(StrEnum):
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    CONNECTION_TIMEOUT = "CONNECTION_TIMEOUT"
    CONNECTION_REFUSED = "CONNECTION_REFUSED"
    CONNECTION_LOST = "CONNECTION_LOST"
    HOST_KEY_MISMATCH = "HOST_KEY_MISMATCH"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    FOLDER_NOT_FOUND = "FOLDER_NOT_FOUND"
    DISK_FULL = "DISK_FULL"
    ADDRESS_NOT_ALLOWED = "ADDRESS_NOT_ALLOWED"
    CONFIGURATION_INVALID = "CONFIGURATION_INVALID"
    VERIFICATION_FAILED = "VERIFICATION_FAILED"
    FINAL_FILE_CONFLICT = "FINAL_FILE_CONFLICT"
    CONNECTION_PAUSED = "CONNECTION_PAUSED"
    CONNECTION_BUSY = "CONNECTION_BUSY"
    CONNECTION_DISABLED = "CONNECTION_DISABLED"
    CONNECTION_REPOINTED = "CONNECTION_REPOINTED"
    DOCUMENT_INVALID = "DOCUMENT_INVALID"
    SERVER_ERROR = "SERVER_ERROR"
    CERTIFICATE_INVALID = "CERTIFICATE_INVALID"
    ENDPOINT_NOT_FOUND = "ENDPOINT_NOT_FOUND"
    REDIRECT_REFUSED = "REDIRECT_REFUSED"
    DOCUMENT_REFUSED = "DOCUMENT_REFUSED"
    RATE_LIMITED = "RATE_LIMITED"


@dataclass(frozen=True)
class TransportRule:
    retryable: bool
    sentence: str  # starts with the words of api.md where it fixes them


TRANSPORT_RULES: dict[TransportCode, TransportRule] = {
    TransportCode.AUTHENTICATION_FAILED: TransportRule(
        False, "Authentication failed: check the user name and the password or key of the connection"
    ),
    TransportCode.CONNECTION_TIMEOUT: TransportRule(
        True, "Connection timeout: the dropzone's server did not answer in time"
    ),
    TransportCode.CONNECTION_REFUSED: TransportRule(
        True, "Connection refused: no server could be reached under the connection's host and port"
    ),
    TransportCode.CONNECTION_LOST: TransportRule(
        True, "Connection lost: the dropzone's server went away during the transfer"
    ),
    TransportCode.HOST_KEY_MISMATCH: TransportRule(
        False, "Host key mismatch: the server showed a host key that is not among the pinned fingerprints"
    ),
    TransportCode.PERMISSION_DENIED: TransportRule(
        False, "Permission denied: the user may not write to the export path"
    ),
    TransportCode.FOLDER_NOT_FOUND: TransportRule(
        False, "Folder not found: the export path does not exist in the dropzone"
    ),
    TransportCode.DISK_FULL: TransportRule(True, "Disk full: the dropzone has no room for the file"),
    TransportCode.ADDRESS_NOT_ALLOWED: TransportRule(
        False, "Address not allowed: this deployment does not permit connections to that host or path"
    ),
    TransportCode.CONFIGURATION_INVALID: TransportRule(
        False, "The connection's configuration cannot be read or used; save it again"
    ),
    TransportCode.VERIFICATION_FAILED: TransportRule(
        True, "Verification failed: the file read back from the dropzone differs from what was written"
    ),
    TransportCode.FINAL_FILE_CONFLICT: TransportRule(
        False, "Another file with this export's name but other content is in the dropzone; a person must look"
    ),
    TransportCode.CONNECTION_PAUSED: TransportRule(True, "The connection is paused; resume it to deliver"),
    TransportCode.CONNECTION_BUSY: TransportRule(
        True,
        "The connection is busy with other orders, whose tries take long or hang; this one comes later",
    ),
    TransportCode.CONNECTION_DISABLED: TransportRule(
        False, "The connection was disabled or removed after the push"
    ),
    TransportCode.CONNECTION_REPOINTED: TransportRule(
        False, "The connection was pointed to another place while this order was being handed over"
    ),
    TransportCode.DOCUMENT_INVALID: TransportRule(
        False, "The export document does not match its JSON Schema; nothing was written"
    ),
    TransportCode.SERVER_ERROR: TransportRule(True, "The dropzone's server reported an error"),
    TransportCode.CERTIFICATE_INVALID: TransportRule(
        False, "Certificate not trusted: the server's TLS certificate is not valid for this address"
    ),
    TransportCode.ENDPOINT_NOT_FOUND: TransportRule(
        False, "Endpoint not found: nothing takes orders at the connection's address"
    ),
    TransportCode.REDIRECT_REFUSED: TransportRule(
        False, "Redirect refused: the endpoint points to another address; give the final one"
    ),
    TransportCode.DOCUMENT_REFUSED: TransportRule(
        False, "Document refused: the receiver did not take the order; its answer is in the push log"
    ),
    TransportCode.RATE_LIMITED: TransportRule(True, "The receiver asked for a pause"),
}


# What differs when it is the ack folder that cannot be used; the rest reads the same.
ACK_FOLDER_SENTENCES: dict[TransportCode, str] = {
    code: rule.sentence for code, rule in TRANSPORT_RULES.items()
} | {
    TransportCode.PERMISSION_DENIED: "Permission denied: the user may not list the ack folder, or not make "
    "and fill the folders processed and error in it",
    TransportCode.FOLDER_NOT_FOUND: "Folder not found: the ack path does not exist in the dropzone",
    TransportCode.ADDRESS_NOT_ALLOWED: "Address not allowed: this deployment does not permit that host or "
    "path, or processed or error in the ack folder is a link",
}


class TransportError(Exception):
    """A delivery step failed for a reason in `TRANSPORT_RULES`.

    `technical` is for engineers (logs, Web UI); it must never hold a secret. `sentence` says it in the words
    of a connector for which the rule's are not the right ones. `unsent`: the document surely did not arrive
    and never will. `retry_after_s`: the target asked for this pause.
    """

    def __init__(
        self,
        code: TransportCode,
        technical: str = "",
        *,
        sentence: str | None = None,
        host_key_fingerprint: str | None = None,
        unsent: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        self.code = code
        self.technical = technical
        self.sentence = sentence or TRANSPORT_RULES[code].sentence
        self.host_key_fingerprint = host_key_fingerprint
        self.unsent = unsent
        self.retry_after_s = retry_after_s
        super().__init__(f"{self.sentence} ({technical})" if technical else self.sentence)

    @property
    def retryable(self) -> bool:
        return TRANSPORT_RULES[self.code].retryable


class HostKeyMismatch(TransportError):
    """The server showed a key that is not pinned; nothing was sent to it, no password either."""

    def __init__(self, seen: str | None, expected: list[str]) -> None:
        self.expected = expected
        rule = TRANSPORT_RULES[TransportCode.HOST_KEY_MISMATCH].sentence
        # both sides: whoever reads it compares them with what the partner announced
        sides = f"expected {' or '.join(expected) or 'none'}; seen {seen or 'none that could be compared'}"
        super().__init__(
            TransportCode.HOST_KEY_MISMATCH, sentence=f"{rule} ({sides})", host_key_fingerprint=seen
        )


class ConnectionRepointed(TransportError):
    """A publish began at `place`; the connection names another one now, where nothing is to be seen of it."""

    def __init__(self, place: str) -> None:
        rule = TRANSPORT_RULES[TransportCode.CONNECTION_REPOINTED].sentence
        sentence = f"{rule}: look in {place} whether it arrived, then push again"
        # of this try; what the earlier ones did is what nobody can say
        super().__init__(TransportCode.CONNECTION_REPOINTED, sentence=sentence, unsent=True)


class StagedFileLost(Exception):
    """The staged file is gone although nobody can have published it: stage it again."""


class FinalFileConflict(TransportError):
    """The final name holds other bytes. `staged_present` tells whether ours is still unpublished."""

    def __init__(self, technical: str, *, staged_present: bool) -> None:
        self.staged_present = staged_present
        super().__init__(TransportCode.FINAL_FILE_CONFLICT, technical)
