"""The proof as its page and as JSON."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict

from api.customer_pages import language_of, page
from api.proof_access import Opened
from api.proof_forms import Wish, form_token
from api.proof_pictures import has_picture
from api.proof_words import WORDS, moment
from api.rooms import Rooms
from domain.color_ups import ColorUpStatus, Decision, ThreadStop
from domain.mails import Language
from domain.proof_sheets import ProofSheet, changes
from drawings.thread_colors import swatch

# where a field is on the page, so that its error can lead there
_PLACES = {"decision": "decide", "approver_id": "who-1", "comment": "comment"}


class Person(BaseModel):
    id: UUID
    name: str


class ProofView(BaseModel):
    """`sheet_sha256`: send it back as `sheet`, and the decision counts for exactly this.

    Once decided, `sheet` stays what was decided on; `design_changed`: the logo has another design by now.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "color_up_id": "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d",
                    "status": "Pending Approval",
                    "decision": "approve",
                    "decided_at": "2026-11-20T09:30:00Z",
                    "decided_by": "Jo Hansen",
                    "comment": "Looks good",
                    "approvers": [{"id": "2f6f7f3c-1d5b-4b53-9d0a-3f0a5a6b7c8d", "name": "Jo Hansen"}],
                    "design_changed": False,
                    "sheet_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "sheet": {
                        "color_up_id": "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d",
                        "version": 2,
                        "logo_name": "Crest",
                        "design_number": "HG-1",
                        "design_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                        "style_number": "14728",
                        "color_code": "BLK",
                        "thread_sequence": [
                            {
                                "stop": 1,
                                "needle": 1,
                                "thread_code": "1966",
                                "thread_name": "Navy",
                                "brand": "Madeira",
                            }
                        ],
                        "lines": [
                            {
                                "draft_order_id": "6b7f1c1e-6f5e-4c55-8f0a-0a8f5f4a5f11",
                                "line_no": 1,
                                "order": "PO-12345",
                                "style_number": "14728",
                                "style_name": "Olympic Polo",
                                "color_code": "BLK",
                                "placement": "Left Chest",
                                "size_quantities": {"M": 12, "L": 12},
                            }
                        ],
                        "terms": {"version": 1, "text_en": "Approved is approved.", "text_de": "Es gilt."},
                    },
                }
            ]
        }
    )

    color_up_id: UUID
    status: ColorUpStatus
    decision: Decision | None
    decided_at: datetime | None
    decided_by: str | None
    comment: str | None
    approvers: list[Person]
    design_changed: bool
    sheet_sha256: str
    sheet: ProofSheet


def json_view(opened: Opened) -> ProofView:
    row = opened.proof.row
    return ProofView(
        color_up_id=row["id"],
        status=row["status"],
        decision=row["decision"],
        decided_at=row["decided_at"],
        decided_by=row["decided_by_name"] or (opened.proof.org_name if row["team_proxy"] else None),
        comment=row["decision_note"],
        approvers=[Person(id=each["id"], name=each["name"]) for each in opened.people],
        design_changed=opened.proof.design_changed,
        sheet_sha256=opened.proof.sheet.sha256(),
        sheet=opened.proof.sheet,
    )


def address_of(rooms: Rooms, token: str) -> str:
    """Path of the page, below whatever path the public address has."""
    return f"{urlsplit(rooms.settings.public_url or '').path.rstrip('/')}/proofs/{token}"


def proof_page(
    request: Request,
    rooms: Rooms,
    token: str,
    opened: Opened,
    *,
    status: int = 200,
    notice: str | None = None,
    wish: Wish | None = None,
) -> HTMLResponse:
    """`notice` names a word. The form is there as long as nothing is decided."""
    language = language_of(request, opened.language)
    words, proof = WORDS[language], opened.proof
    base, other = address_of(rooms, token), words["other_code"]
    threads = [_thread(each) for each in proof.sheet.thread_sequence]
    errors = {name: words[word] for name, word in (wish.errors if wish else {}).items()}
    return page(
        "proof.html",
        status,
        language,
        org_name=proof.org_name,
        customer_name=proof.customer["name"],
        switch=f"{base}?lang={other}",
        notice=words[notice] if notice else None,
        notice_kind="good" if notice == "just_decided" else "bad",
        sheet=proof.sheet,
        picture=f"{base}/picture.png" if has_picture(opened) else None,
        no_picture=words["no_picture_then" if proof.design_changed else "no_picture"],
        design_changed=proof.design_changed,
        threads=threads,
        guessed=any(each["guessed"] for each in threads),
        changes=_changes(opened, words["nothing"]),
        terms=proof.sheet.terms.text_de if language is Language.DE else proof.sheet.terms.text_en,
        decision=_decision(opened, language),
        form=None
        if proof.row["decision"]
        else _form(rooms, opened, f"{base}/decision?lang={language}", wish),
        people=opened.people,
        errors=errors,
        places=_PLACES,
    )


def _form(rooms: Rooms, opened: Opened, action: str, wish: Wish | None) -> dict[str, str]:
    sheet = opened.proof.sheet.sha256()
    return {
        "action": action,
        "sheet": sheet,
        "csrf": form_token(rooms.keys, opened.link["id"], sheet),
        "approver_id": wish.approver_text if wish else "",
        "comment": wish.comment if wish else "",
    }


def _thread(thread: ThreadStop) -> dict[str, Any]:
    shown = swatch(thread.brand, thread.thread_code, thread.thread_name)
    code = " ".join(part for part in (thread.brand, thread.thread_code) if part)
    return {
        "stop": thread.stop,
        "needle": thread.needle,
        "color": shown.color,
        "guessed": shown.approximate,
        "name": thread.thread_name,
        "code": code,
        "detail": code if thread.thread_name else None,
    }


def _named(thread: ThreadStop | None, nothing: str) -> str:
    if thread is None:
        return nothing
    parts = (thread.thread_name, thread.brand, thread.thread_code)
    return " ".join(part for part in parts if part)


def _changes(opened: Opened, nothing: str) -> list[dict[str, Any]] | None:
    before = opened.proof.before
    if before is None:
        return None
    return [
        {
            "stop": each.stop,
            "before": _named(each.before, nothing),
            "after": _named(each.after, nothing),
        }
        for each in changes(before, opened.proof.sheet.thread_sequence)
    ]


def _decision(opened: Opened, language: Language) -> dict[str, Any] | None:
    row, words = opened.proof.row, WORDS[language]
    if row["decision"] is None:
        return None
    at = moment(row["decided_at"], opened.proof.customer["time_zone"], language)
    approved = row["decision"] == Decision.APPROVE
    by = words["by_team" if row["team_proxy"] else "by"]
    return {
        "approved": approved,
        "headline": words["approved" if approved else "sent_back"],
        "by": by.format(name=row["decided_by_name"] or "", org=opened.proof.org_name, at=at),
        "note": row["decision_note"],
    }
