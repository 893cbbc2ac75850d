"""Put ack files away: the last step, when all about them is written down."""

from uuid import UUID, uuid4

from activities.ack_round import Round
from activities.few_at_once import few_at_once
from connectors.ack_folder import AckFolder, Moved, Tray
from domain.transport import TransportCode, TransportError
from storage import acks
from storage.database import Row

_MOVED_A_STEP = 500
_REFUSALS_A_STEP = 20
_LONGEST_NAME = 255  # bytes


async def put_away(this: Round, folder: AckFolder) -> TransportError | None:
    """Move what is done with. A refusal is returned, not raised: answers are heard although files stay."""
    async with this.database.transaction(this.org_id) as connection:
        rows = await acks.to_move(connection, this.org_id, this.connection_id, _MOVED_A_STEP)
    if not rows:
        return None
    places: dict[UUID, str | None] = {}
    refusals: list[TransportError] = []

    async def put(row: Row) -> None:
        if len(refusals) < _REFUSALS_A_STEP:
            try:
                places[row["id"]] = await _put(folder, row)
            except TransportError as error:
                refusals.append(error)

    # one alone first: it makes the tray
    await put(rows[0])
    await few_at_once(rows[1:], put)
    async with this.database.transaction(this.org_id) as connection:
        await acks.moved(connection, this.org_id, places)
    this.report.moved += len(places)
    return refusals[0] if refusals else None


async def _put(folder: AckFolder, row: Row) -> str:
    """Move one file; the ledger knows of a former namesake, the folder of one that others put there."""
    name, tray = str(row["file_name"]), Tray(row["tray"])
    names = [f"{row['id'].hex[:8]}_{name}", f"{row['id'].hex}.json", f"{uuid4().hex}.json"]
    for as_name in names if row["taken"] else [name, *names]:
        if (
            len(as_name.encode()) <= _LONGEST_NAME
            and await folder.move(name, tray, as_name) is not Moved.TAKEN
        ):
            return f"{tray}/{as_name}"
    raise TransportError(TransportCode.SERVER_ERROR, "moving: every name is taken")
