"""The digest as a mail: every undecided proof of a customer, with the approver's own link to each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.letters import Item, To, letter
from activities.mailing import Write
from activities.proof_mails import proof_address
from connectors.mail_server import MailNotSent
from domain.mails import Language, Letter
from storage import proof_links, reminders
from storage.database import Row

_WORDS: Mapping[Language, Mapping[str, str]] = {
    Language.EN: {
        "one": "Reminder: a proof waits for your decision",
        "many": "Reminder: {count} proofs wait for your decision",
        "asked": "we cannot go on with your order before you have decided. Please look at:",
        "title": "{logo}, style {style}, colour {color}, version {version}",
        "label": "Look at the proof",
    },
    Language.DE: {
        "one": "Erinnerung: eine Vorlage wartet auf Ihre Freigabe",
        "many": "Erinnerung: {count} Vorlagen warten auf Ihre Freigabe",
        "asked": "ohne Ihre Entscheidung geht es mit Ihrem Auftrag nicht weiter. Bitte sehen Sie sich an:",
        "title": "{logo}, Artikel {style}, Farbe {color}, Version {version}",
        "label": "Vorlage ansehen",
    },
}


class DigestLetters:
    """`public_url`: where links point; None only where no mail server is configured."""

    def __init__(self, public_url: str | None) -> None:
        self._public_url = public_url

    def writer(self, org_id: UUID, customer_id: UUID, approver: Row, proofs: Sequence[Row]) -> Write:
        """Makes the links within the transaction that logs the mail's try."""
        url = self._public_url

        async def write(connection: AsyncConnection) -> Letter:
            if url is None:
                raise MailNotSent(
                    "Mails need a link, and nobody said where it points; set COUNTERSIGN_PUBLIC_URL"
                )
            sender = await reminders.sender_of(connection, org_id, customer_id)
            language, now = Language(sender["language"]), datetime.now(UTC)
            words, links, items = _WORDS[language], [], []
            for proof in proofs:
                link = await proof_links.create(connection, org_id, proof["id"], approver["id"], now)
                links.append(link.id)
                items.append(Item(_title(words, proof), words["label"], proof_address(url, link.token)))
            subject = words["one" if len(items) == 1 else "many"].format(count=len(items))
            to = To(approver["name"], approver["email"], language)
            return letter(to, subject, [words["asked"]], items, sender["org_name"], links)

        return write


def _title(words: Mapping[str, str], proof: Row) -> str:
    return words["title"].format(
        logo=proof["logo_name"],
        style=proof["style_number"],
        color=proof["color_code"],
        version=proof["version"],
    )
