from datetime import UTC, datetime
from uuid import UUID, uuid4

from domain.mails import Envelope, MailKind, MailOutcome
from domain.statuses import Role
from storage import messages
from storage.database import Database
from tests.api.conftest import ClientFor, TestOrg
from tests.api.test_customers import make_customer


async def note(database: Database, org: TestOrg, customer_id: str, key: str, color_up_id: UUID) -> None:
    envelope = Envelope(
        org_id=org.id,
        key=key,
        kind=MailKind.PROOF,
        customer_id=UUID(customer_id),
        approver_id=None,
        color_up_ids=(color_up_id,),
        recipient="jo@hansen.example",
    )
    at = datetime.now(UTC)
    async with database.transaction(org.id) as connection:
        await messages.begin_try(connection, envelope, at)
        await messages.end_try(connection, envelope, MailOutcome.SENT, None, at)


async def test_messages_are_read_newest_first_page_by_page_and_by_color_up(
    client_for: ClientFor, database: Database, fresh_org: TestOrg
) -> None:
    customer = await make_customer(client_for, fresh_org)
    color_ups = [uuid4(), uuid4(), uuid4()]
    for number, color_up_id in enumerate(color_ups):
        await note(database, fresh_org, customer["id"], f"proof:{number}", color_up_id)
    viewer = client_for(Role.VIEWER, fresh_org)
    first = (await viewer.get("/messages?limit=2")).json()
    rest = (await viewer.get("/messages", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    listed = [row["color_up_ids"] for row in (*first["data"], *rest["data"])]
    assert listed == [[str(each)] for each in reversed(color_ups)]
    assert rest["next_cursor"] is None
    (one,) = (await viewer.get("/messages", params={"color_up_id": str(color_ups[1])})).json()["data"]
    assert (one["outcome"], one["recipient"], one["kind"]) == ("SENT", "jo@hansen.example", "proof")
    of_draft = await viewer.get("/messages", params={"draft_order_id": str(uuid4())})
    assert of_draft.json()["data"] == []
    assert (await client_for(Role.VIEWER, "other").get("/messages")).json()["data"] == []


async def test_messages_need_a_token(client_for: ClientFor, client: object) -> None:
    assert (await client.get("/messages")).status_code == 401  # type: ignore[attr-defined]
