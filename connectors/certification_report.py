"""What a connection test tells: its steps in order, each passed or failed with a sentence."""

import time

from domain.delivery import TestStep
from domain.transport import TRANSPORT_RULES, TransportCode, TransportError

LOG_IN = ("address", "connect", "host_key", "authentication", "sftp")
EXPORT_FOLDER = ("folder", "write", "verify", "rename", "overwrite", "read_back", "delete")
ACK_FOLDER = ("ack_folder", "ack_list", "ack_move")

PASSED = {
    "address": "The address is permitted",
    "connect": "The server can be reached",
    "host_key": "The host key is accepted",
    "authentication": "The user is let in",
    "sftp": "The server offers SFTP to the user",
    "folder": "The export path exists",
    "write": "A file can be written to the export path",
    "verify": "The file reads back as it was written",
    "rename": "The file can be renamed",
    "overwrite": "Replacing another file by a rename was tried",
    "read_back": "The renamed file reads back as it was written",
    "delete": "The file can be deleted; nothing is left behind",
    "ack_folder": "The ack path exists",
    "ack_list": "The ack path can be listed",
    "ack_move": "Files can be moved to processed/ and error/ in the ack path",
}

# where the sentence of domain/transport.py would send a person to the wrong place
FAILED: dict[tuple[str, TransportCode], str] = {
    ("host_key", TransportCode.CONNECTION_TIMEOUT): (
        "Connection timeout: something accepted the connection and then said nothing; is it an SSH server?"
    ),
    ("host_key", TransportCode.CONNECTION_LOST): (
        "Connection lost: something accepted the connection and closed it again; is it an SSH server, and"
        " does it admit this address?"
    ),
    ("host_key", TransportCode.SERVER_ERROR): (
        "The server and Countersign have no algorithm in common: it must offer an Ed25519 or ECDSA host key,"
        " or RSA with SHA-2"
    ),
    ("authentication", TransportCode.CONNECTION_TIMEOUT): (
        "Connection timeout: the server did not finish the log-in in time"
    ),
    ("authentication", TransportCode.CONNECTION_LOST): (
        "Connection lost: the server closed the connection during the log-in; too many attempts, or the"
        " address is not admitted"
    ),
    ("sftp", TransportCode.SERVER_ERROR): "The server lets the user in but offers no SFTP to it",
    ("sftp", TransportCode.CONNECTION_LOST): "The server lets the user in but offers no SFTP to it",
    ("sftp", TransportCode.CONNECTION_TIMEOUT): (
        "Connection timeout: the server let the user in but did not start SFTP in time"
    ),
    ("folder", TransportCode.PERMISSION_DENIED): ("Permission denied: the user may not open the export path"),
    ("verify", TransportCode.PERMISSION_DENIED): (
        "Permission denied: the user may write to the export path but not read there; every file is read"
        " back before it is handed over"
    ),
    ("delete", TransportCode.PERMISSION_DENIED): (
        "Permission denied: the user may not delete files in the export path; a failed order could not be"
        " taken back"
    ),
    ("ack_folder", TransportCode.FOLDER_NOT_FOUND): (
        "Folder not found: the ack path does not exist in the dropzone"
    ),
    ("ack_folder", TransportCode.PERMISSION_DENIED): "Permission denied: the user may not open the ack path",
    ("ack_list", TransportCode.PERMISSION_DENIED): "Permission denied: the user may not list the ack path",
    ("ack_move", TransportCode.PERMISSION_DENIED): (
        "Permission denied: the user may not move files in the ack path; make the folders processed and error"
        " there, and let the user rename files into them"
    ),
}
_DOING = {
    "folder": "when the export path was opened",
    "write": "when a file was written to the export path",
    "verify": "when the file was read back",
    "rename": "when the file was renamed",
    "overwrite": "when a second file was written",
    "read_back": "when the renamed file was read back",
    "delete": "when the file was deleted",
    "ack_folder": "when the ack path was opened",
    "ack_list": "when the ack path was listed",
    "ack_move": "when a file was moved in the ack path",
}


class Report:
    """The steps so far. `steps` are those that the test will take, in order."""

    def __init__(self, steps: tuple[str, ...]) -> None:
        self.steps: list[TestStep] = []
        self._ahead = list(steps)
        self._since = time.perf_counter()

    def passed(self, step: str, note: str = "") -> None:
        """A log-in that starts over with another host key passes its first steps again: once is told."""
        if step in self._ahead:
            self._ahead.remove(step)
            self._add(step, PASSED[step] + (f"; {note}" if note else ""), ok=True)

    def failed(self, error: TransportError) -> str:
        """End the report with the step under way; its sentence."""
        step = self._ahead[0] if self._ahead else self.steps[-1].step
        sentence = sentence_of(step, error)
        self._add(step, sentence, ok=False)
        return sentence

    def _add(self, step: str, message: str, *, ok: bool) -> None:
        now = time.perf_counter()
        duration_ms = round((now - self._since) * 1000)
        self.steps.append(TestStep(step=step, ok=ok, message=message, duration_ms=duration_ms))
        self._since = now


def sentence_of(step: str, error: TransportError) -> str:
    """What to tell about a failure of `step`: the most particular sentence there is."""
    general = TRANSPORT_RULES[error.code].sentence
    if error.sentence != general:
        return error.sentence
    if (step, error.code) in FAILED:
        return FAILED[step, error.code]
    if error.code is TransportCode.SERVER_ERROR and step in _DOING:
        return f"{general} {_DOING[step]}"
    return general
