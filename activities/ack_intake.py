"""Read ack files and write down what they say: the first step, before anybody is told."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from activities.ack_round import Problem, Round
from activities.few_at_once import few_at_once
from connectors.ack_folder import MAX_ACK_BYTES, AckFile, AckFolder, Tray
from domain.ack_files import AckContent, UnreadableAck, answered_file, read_ack
from domain.ack_polls import same_place
from domain.acknowledgements import AckOutcome, HeardAck
from domain.transport import TransportCode, TransportError
from storage import acks
from storage.acks import AnsweredExport
from storage.database import Row

# An ERP that answers one export over and over must not fill the draft's history.
_TOLD_AT_MOST = 50


class Chosen:
    """What a poll reads now, and what it leaves for later."""

    def __init__(self, now: list[AckFile], left: list[AckFile]) -> None:
        self.now = now
        self.left = left


def chosen(listing: list[AckFile], known: Sequence[Row], most: int) -> Chosen:
    """Oldest first; files that were unreadable before must not keep new ones from their turn."""
    waiting = {row["file_name"] for row in known if row["status"] == "WAITING"}
    done = {
        (row["file_name"], row["size_bytes"], row["modified_at"])
        for row in known
        if row["status"] != "WAITING"
    }
    open_files = [file for file in listing if (file.name, file.size_bytes, file.modified_at) not in done]
    fresh = [file for file in open_files if file.name not in waiting]
    again = [file for file in open_files if file.name in waiting]
    room = max(most - len(again), most * 3 // 4)
    now = fresh[:room]
    return Chosen(now + again[: most - len(now)], fresh[room:] + again[most - len(now) :])


class Intake:
    """`settle_s`: how long a file that cannot be read must rest before it counts as malformed."""

    def __init__(self, this: Round, settle_s: float) -> None:
        self._round = this
        self._settle_s = settle_s

    async def note_gone(self, listing: list[AckFile], known: Sequence[Row]) -> None:
        """Files that were waited for and are no longer there: taken, or written anew elsewhere."""
        there = {file.name for file in listing}
        gone = [row["id"] for row in known if row["status"] == "WAITING" and row["file_name"] not in there]
        if not gone:
            return
        message = "The file was taken away before it could be read"
        ends = [HeardAck(ack_id=each, outcome=AckOutcome.GONE, message=message) for each in gone]
        async with self._round.database.transaction(self._round.org_id) as connection:
            settled = await acks.settle(connection, self._round.org_id, ends)
            await acks.moved(connection, self._round.org_id, dict.fromkeys(gone))
        self._round.count([end.outcome for end in settled])

    async def take_in(self, folder: AckFolder, files: list[AckFile]) -> None:
        tried = await few_at_once(files, lambda file: self._read(folder, file))
        read = [one for one in tried if one is not None]
        self._round.report.read += len(read)
        wanted = [answered_file(file.name) or "" for file, _ in read]
        async with self._round.database.transaction(self._round.org_id) as connection:
            exports = await acks.answered(connection, self._round.org_id, wanted)
        rows = [
            self._row(file, content, exports.get(name))
            for (file, content), name in zip(read, wanted, strict=True)
        ]
        if not rows:
            return
        ended = await acks.receive(
            self._round.database,
            {
                "org_id": self._round.org_id,
                "connection_id": self._round.connection_id,
                "started_at": self._round.started_at,
                "settle_s": self._settle_s,
                "files": rows,
            },
        )
        self._round.count(ended)

    async def _read(self, folder: AckFolder, file: AckFile) -> tuple[AckFile, bytes | None] | None:
        """The file as it is now, with its content; None for what cannot be had this time."""
        if not file.regular:
            return file, None
        try:
            return await folder.read(file.name)
        except TransportError as error:
            if error.code is not TransportCode.PERMISSION_DENIED:
                raise
            # one file with the wrong rights must not stop the others, and stays where it is
            sentence = f"Permission denied: the connection's user may not read {file.name}"
            self._round.note(Problem(error.code.value, sentence))
            return None

    def _row(self, file: AckFile, content: bytes | None, export: AnsweredExport | None) -> dict[str, Any]:
        row = {
            "id": uuid4(),
            "org_id": self._round.org_id,
            "connection_id": self._round.connection_id,
            "file_name": file.name,
            "size_bytes": file.size_bytes,
            "modified_at": file.modified_at.isoformat(),
            "sha256": hashlib.sha256(content or b"").hexdigest(),
            "export_id": export.id if export else None,
            "draft_order_id": export.draft_order_id if export else None,
            "content": None,
            "outcome": None,
        }
        try:
            if content is None:
                raise UnreadableAck("is no regular file")
            ack = read_ack(file.name, content, MAX_ACK_BYTES)
        except UnreadableAck as error:
            return row | {"status": "WAITING", "message": f"The file {error}", "tray": Tray.ERROR}
        return row | {"content": ack.model_dump(mode="json")} | self._judged(ack, export)

    def _judged(self, ack: AckContent, export: AnsweredExport | None) -> dict[str, Any]:
        ends: tuple[AckOutcome, str, Tray] | None = None
        if export is None:
            sentence = "No export of this organisation has that file name"
            ends = AckOutcome.UNKNOWN_EXPORT, sentence, Tray.ERROR
        elif export.connection_id != self._round.connection_id and not same_place(
            export.public_config, self._round.place
        ):
            sentence = (
                "The export was sent through another connection; its answer belongs into that one's folder"
            )
            ends = AckOutcome.OTHER_CONNECTION, sentence, Tray.ERROR
        elif export.told >= _TOLD_AT_MOST:
            sentence = f"Recorded, nothing changed: the draft has had {export.told} answers to this export"
            ends = AckOutcome.DUPLICATE, sentence, Tray.PROCESSED
        if ends is not None:
            return {"status": "SETTLED", "outcome": ends[0], "message": ends[1], "tray": ends[2]}
        told = " ".join(["Read; the draft is told", *ack.notes])
        return {"status": "RECEIVED", "message": told, "tray": Tray.PROCESSED}
