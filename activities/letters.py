"""What mails say: plain text and simple HTML, in the customer's language. Outside words are escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from uuid import UUID

from domain.mails import Language, Letter

_WORDS: Mapping[Language, Mapping[str, str]] = {
    Language.EN: {
        "greeting": "Hello {name},",
        "once": "The link is for you alone and works for 30 days. "
        "Nothing is decided until you press a button on the page.",
        "from": "With kind regards\n{org}",
    },
    Language.DE: {
        "greeting": "Guten Tag {name},",
        "once": "Der Link ist nur für Sie und gilt 30 Tage. "
        "Entschieden wird erst, wenn Sie auf der Seite auf einen Knopf drücken.",
        "from": "Mit freundlichen Grüßen\n{org}",
    },
}


@dataclass(frozen=True)
class Item:
    """One proof in a mail: what it is, and where it is decided."""

    title: str
    label: str
    url: str = field(repr=False)


@dataclass(frozen=True)
class To:
    name: str
    address: str
    language: Language


def letter(
    to: To,
    subject: str,
    paragraphs: Sequence[str],
    items: Sequence[Item],
    org_name: str,
    links: Sequence[UUID],
) -> Letter:
    """A mail with a greeting, some sentences, the proofs and who sends it."""
    words = _WORDS[to.language]
    opening = [words["greeting"].format(name=to.name), *paragraphs]
    closing = [words["once"], words["from"].format(org=org_name)]
    return Letter(
        recipient_name=to.name,
        recipient=to.address,
        subject=subject,
        text="\n\n".join([*opening, *(f"{item.title}\n{item.url}" for item in items), *closing]) + "\n",
        html=_html(to.language, opening, items, closing),
        links=tuple(links),
    )


def _html(language: Language, opening: Sequence[str], items: Sequence[Item], closing: Sequence[str]) -> str:
    parts = [*(_paragraph(text) for text in opening), *(_linked(item) for item in items)]
    parts += [_paragraph(text) for text in closing]
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"></head>'
        '<body style="font-family:Arial,Helvetica,sans-serif;font-size:16px;line-height:1.5;color:#1f2328">'
        f'<div style="max-width:36em">{"".join(parts)}</div></body></html>'
    )


def _paragraph(text: str) -> str:
    return f"<p>{escape(text).replace(chr(10), '<br>')}</p>"


def _linked(item: Item) -> str:
    return (
        f"<p><strong>{escape(item.title)}</strong><br>"
        f'<a href="{escape(item.url)}" style="color:#0b57d0">{escape(item.label)}</a></p>'
    )
