"""Pages for customers' browsers: templates, their headers, and who gets a page instead of JSON."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.proof_words import WORDS
from domain.mails import Language

_TEMPLATES = Path(__file__).with_name("templates")
_PAGES = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
_CSS = (_TEMPLATES / "proof.css").read_text(encoding="utf-8")
_CSS_SHA256 = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_CSS_SHA256}'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Robots-Tag": "noindex, nofollow",
    "Vary": "Accept, Accept-Language",
}


def page(
    name: str, status: int, language: Language, headers: dict[str, str] | None = None, **context: Any
) -> HTMLResponse:
    """A template with its words; `context` is escaped by the template."""
    known: dict[str, Any] = {"org_name": None, "switch": None, **context}
    text = _PAGES.get_template(name).render(css=_CSS, words=WORDS[language], language=language.value, **known)
    return HTMLResponse(text, status, headers={**HEADERS, "Content-Language": language, **(headers or {})})


def message(
    request: Request,
    status: int,
    title: str,
    sentences: list[str],
    *,
    language: Language | None = None,
    renewal: str | None = None,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """A page with nothing but sentences, and perhaps the button that mails a new link.

    `title` names a word of ours, `sentences` are texts or names of words.
    """
    spoken = language or language_of(request)
    words = WORDS[spoken]
    said = [words.get(sentence, sentence) for sentence in sentences]
    return page("closed.html", status, spoken, headers, title=words[title], sentences=said, renewal=renewal)


# what is said instead of a problem's own sentence, which is English: title and sentence
_PROBLEM_WORDS = {429: ("busy_title", "busy"), 503: ("busy_title", "try_again")}


def problem_page(
    request: Request, status: int, sentence: str, headers: dict[str, str], language: Language | None = None
) -> HTMLResponse:
    """An error as a page."""
    spoken = language or language_of(request)
    title, word = _PROBLEM_WORDS.get(status, ("wrong_title", ""))
    said = WORDS[spoken][word].format(seconds=headers.get("Retry-After")) if word else sentence
    return message(request, status, title, [said], language=spoken, headers=headers)


def language_of(request: Request, default: Language | None = None) -> Language:
    """As the address says, else the customer's, else what the browser prefers."""
    asked = request.query_params.get("lang", "")
    if asked in set(Language):
        return Language(asked)
    if default is not None:
        return default
    preferred = request.headers.get("accept-language", "").lower()
    places = {language: preferred.find(language.value) for language in Language}
    found = {language: place for language, place in places.items() if place >= 0}
    return min(found, key=lambda each: found[each]) if found else Language.EN


def wants_json(request: Request) -> bool:
    """Programs say so; whoever says nothing gets the page."""
    accepted = request.headers.get("accept", "")
    if "text/html" in accepted:
        return False
    return "json" in accepted or "json" in request.headers.get("content-type", "")


def wants_problem(request: Request) -> bool:
    """For errors: browsers name HTML, and whoever does not gets the problem document with its code."""
    return "text/html" not in request.headers.get("accept", "")


def is_customer_page(request: Request) -> bool:
    return str(request.scope["path"]).startswith("/proofs/")


def without_token(path: str) -> str:
    """A path as it may be shown and kept: whoever has a link may decide."""
    head, proofs, rest = path.partition("/proofs/")
    if not proofs:
        return path
    _token, slash, more = rest.partition("/")
    return f"{head}{proofs}{{token}}{slash}{more}"
