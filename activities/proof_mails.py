"""Mail proofs to the approvers of a customer: each active approver once, with a link of their own.

The token of a link is made here and goes into the mail: no message, history, row or log line ever holds it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from activities.heartbeats import heartbeats
from activities.letters import Item, To, letter
from activities.mailing import Mailer
from connectors.mail_server import MailNotSent
from domain.mails import DECIDED_FIRST, MAIL_NOT_SENT, Envelope, Language, Letter, MailKind, MailOutcome
from domain.messages import Actor, Origin
from domain.proof_mails import LinkRenewal, ProofMail, ProofMailed
from domain.proofs import trail
from domain.statuses import Via
from storage import audit_log, messages, proof_links, proof_sheets
from storage.database import Database, DatabaseUnavailable, Row
from storage.proof_sheets import Proof

# a renewal within this time of the last link sends nothing: the mail with it is there or on its way
RENEWED_AT_MOST_EVERY = timedelta(minutes=5)
RENEWALS_A_DAY = 5

_WORDS: Mapping[Language, Mapping[str, str]] = {
    Language.EN: {
        "subject": "Please check: {logo} on {garment}",
        "renewed": "Your new link: {logo} on {garment}",
        "asked": "please look at this proof and approve it, or tell us what to change.",
        "again": "somebody opened an older link of yours and asked for a new one. Here it is.",
        "title": "{logo}, style {style}, colour {color}, version {version}",
        "label": "Look at the proof",
    },
    Language.DE: {
        "subject": "Bitte prüfen: {logo} auf {garment}",
        "renewed": "Ihr neuer Link: {logo} auf {garment}",
        "asked": "bitte sehen Sie sich diese Vorlage an und geben Sie sie frei, "
        "oder schreiben Sie uns, was zu ändern ist.",
        "again": "jemand hat einen älteren Link von Ihnen geöffnet und einen neuen angefordert. Hier ist er.",
        "title": "{logo}, Artikel {style}, Farbe {color}, Version {version}",
        "label": "Vorlage ansehen",
    },
}


class ProofMails:
    """`public_url`: where links point; None only where no mail server is configured, who would say so."""

    def __init__(self, database: Database, mailer: Mailer, public_url: str | None) -> None:
        self._database = database
        self._mailer = mailer
        self._public_url = public_url

    @activity.defn(name=names.SEND_PROOF)
    async def send_proof(self, order: ProofMail) -> ProofMailed:
        """A repeat mails those approvers whose mail was not taken; a decided proof is mailed to nobody."""
        try:
            async with heartbeats():
                proof = await self._waiting(order)
                if proof is None:
                    return ProofMailed()
                async with self._database.transaction(order.org_id) as connection:
                    now = datetime.now(UTC)
                    await proof_links.revoke(connection, order.org_id, order.color_up_id, now, older=True)
                    people = await proof_sheets.approvers(connection, order.org_id, proof.customer["id"])
                return await self._mail_all(order, proof, people)
        except (DatabaseUnavailable, MailNotSent) as error:
            raise ApplicationError(str(error), type=_type_of(error)) from None

    async def _waiting(self, order: ProofMail) -> Proof | None:
        """The proof, while it waits; else its mails that nobody took are closed in the log."""
        async with self._database.transaction(order.org_id) as connection:
            proof = await proof_sheets.read(connection, order.org_id, order.color_up_id)
            if proof is None or proof.row["decision"] is None:
                return proof
            await messages.give_up(
                connection, order.org_id, order.color_up_id, DECIDED_FIRST, datetime.now(UTC)
            )
            return None

    async def _mail_all(self, order: ProofMail, proof: Proof, people: list[Row]) -> ProofMailed:
        """One address that is put off does not keep the others waiting; a decision ends it for all.

        Raises:
            MailNotSent: of the last one that was put off.
        """
        mailed, put_off = ProofMailed(), None
        for approver in people:
            if await self._waiting(order) is None:
                return mailed
            envelope = _envelope(order.org_id, proof, approver, MailKind.PROOF, _proof_key(proof, approver))
            try:
                outcome = await self._post(envelope, proof, approver, "subject", "asked")
            except MailNotSent as error:
                put_off = error
                continue
            mailed = mailed.with_one(outcome)
        if put_off is not None:
            raise put_off
        return mailed

    @activity.defn(name=names.RENEW_LINK)
    async def renew_link(self, order: LinkRenewal) -> ProofMailed:
        """Mail a new link to the address that the old one went to, for the newest version that was sent."""
        key = f"link_renewed:{activity.info().workflow_run_id}"
        try:
            async with heartbeats():
                async with self._database.transaction(order.org_id) as connection:
                    # its own earlier try may have left a link: that is no renewal to wait after
                    tried = await messages.outcome_of(connection, order.org_id, key) is not None
                    found = await self._renewable(connection, order, tried=tried)
                if found is None:
                    return ProofMailed()
                proof, approver = found
                envelope = _envelope(order.org_id, proof, approver, MailKind.LINK_RENEWED, key)
                return ProofMailed().with_one(await self._post(envelope, proof, approver, "renewed", "again"))
        except (DatabaseUnavailable, MailNotSent) as error:
            raise ApplicationError(str(error), type=_type_of(error)) from None

    async def _renewable(
        self, connection: AsyncConnection, order: LinkRenewal, *, tried: bool
    ) -> tuple[Proof, Row] | None:
        """What a new link shows, and whose it is; None when there is to be none."""
        link = await proof_links.get(connection, order.org_id, order.link_id)
        if link is None or not link["approver_active"]:
            return None
        newest = await proof_sheets.newest_sent(connection, order.org_id, link["color_up_id"])
        proof = await proof_sheets.read(connection, order.org_id, newest)
        if proof is None:
            return None
        now, who = datetime.now(UTC), link["approver_id"]
        for limit, within in ((1, RENEWED_AT_MOST_EVERY), (RENEWALS_A_DAY, timedelta(days=1))):
            made = await proof_links.made_since(connection, order.org_id, newest, who, now - within)
            if made >= limit and not tried:
                return None
        people = await proof_sheets.approvers(connection, order.org_id, proof.customer["id"])
        return next(((proof, each) for each in people if each["id"] == who), None)

    async def _post(
        self, envelope: Envelope, proof: Proof, approver: Row, subject: str, asked: str
    ) -> MailOutcome:
        async def write(connection: AsyncConnection) -> Letter:
            return await self._letter(connection, envelope, proof, approver, subject, asked)

        async def sent(connection: AsyncConnection, at: datetime) -> None:
            details = {
                "version": proof.row["version"],
                "approver_id": str(approver["id"]),
                "recipient": approver["email"],
                "kind": envelope.kind.value,
            }
            who = (Actor(), Origin(via=Via.SYSTEM))
            await audit_log.append(
                connection,
                trail(envelope.org_id, proof.row["id"], "PROOF_SENT", (None, None), details, *who, at),
            )

        return await self._mailer.post(envelope, write, sent)

    async def _letter(
        self,
        connection: AsyncConnection,
        envelope: Envelope,
        proof: Proof,
        approver: Row,
        subject: str,
        asked: str,
    ) -> Letter:
        if self._public_url is None:
            raise MailNotSent(
                "Mails need a link, and nobody said where it points; set COUNTERSIGN_PUBLIC_URL"
            )
        row, language = proof.row, Language(proof.customer["language"])
        words = _WORDS[language]
        link = await proof_links.create(
            connection, envelope.org_id, row["id"], approver["id"], datetime.now(UTC)
        )
        said = {
            "logo": row["logo_name"],
            "garment": f"{row['style_number']} {row['color_code']}",
            "style": row["style_number"],
            "color": row["color_code"],
            "version": row["version"],
        }
        item = Item(
            words["title"].format(**said), words["label"], proof_address(self._public_url or "", link.token)
        )
        to = To(approver["name"], approver["email"], language)
        return letter(to, words[subject].format(**said), [words[asked]], [item], proof.org_name, [link.id])


def _proof_key(proof: Proof, approver: Row) -> str:
    """One mail to each approver in each mailing."""
    again = f":{proof.row['mailing']}" if proof.row["mailing"] > 1 else ""
    return f"proof:{proof.row['id']}:{approver['id']}{again}"


def proof_address(public_url: str, token: str) -> str:
    return f"{public_url}/proofs/{token}"


def _envelope(org_id: UUID, proof: Proof, approver: Row, kind: MailKind, key: str) -> Envelope:
    return Envelope(
        org_id=org_id,
        key=key,
        kind=kind,
        customer_id=proof.customer["id"],
        approver_id=approver["id"],
        color_up_ids=(proof.row["id"],),
        recipient=approver["email"],
    )


def _type_of(error: Exception) -> str:
    return MAIL_NOT_SENT if isinstance(error, MailNotSent) else type(error).__name__
