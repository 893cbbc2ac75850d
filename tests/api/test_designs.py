"""Design files: taken, refused, kept, drawn."""

import hashlib
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.requests import MAX_BODY_BYTES
from api.rooms import Rooms
from domain.designs import design_key
from domain.statuses import Role
from drawings.refusals import DrawingFailed
from tests.api.conftest import AuditOf, ClientFor, TestOrg
from tests.api.test_color_ups import make_color_up, make_logo
from tests.drawings.designs_of import crest

RAW = {"Content-Type": "application/octet-stream"}
CREST = crest()
TRIVIAL = {"Content-Type": "text/plain"}


async def upload(
    client: httpx.AsyncClient, logo_id: str, content: bytes = CREST, **query: str
) -> httpx.Response:
    return await client.post(f"/logos/{logo_id}/design", content=content, headers=RAW, params=query)


async def test_a_design_gives_its_facts_to_the_logo_and_its_bytes_to_the_store(
    client_for: ClientFor, orgs: dict[str, TestOrg], rooms: Rooms, audit_of: AuditOf
) -> None:
    logo = await make_logo(client_for)
    answer = await upload(client_for(Role.OPS), logo["id"], file_name="C:\\art\\Häns\x07en crest.dst")
    assert answer.status_code == 200, answer.text
    design = answer.json()["design"]
    sha256 = hashlib.sha256(CREST).hexdigest()
    assert {
        "file_name": "Häns\N{REPLACEMENT CHARACTER}en crest.dst",
        "sha256": sha256,
        "size_bytes": len(CREST),
        "colors": 3,
        "color_changes": 2,
        "stops": 3,
        "trims": 3,
        "width_mm": 60.0,
        "height_mm": 60.0,
    }.items() <= design.items()
    read = await client_for(Role.VIEWER).get(f"/logos/{logo['id']}")
    assert read.json() == answer.json()
    assert (read.headers["etag"], answer.headers["etag"]) == ('"2"', '"2"')
    assert await rooms.documents.get(design_key(orgs["demo"].id, sha256)) == CREST
    trail = await audit_of(orgs["demo"], logo["id"])
    assert [row["action"] for row in trail] == ["LOGO_CREATED", "LOGO_DESIGN_UPLOADED"]
    assert trail[1]["after"]["design"]["sha256"] == sha256


async def test_a_multipart_file_is_taken_with_its_name(client_for: ClientFor) -> None:
    logo = await make_logo(client_for)
    files = {"file": ("../../crest.dst", CREST, "application/octet-stream")}
    answer = await client_for(Role.OPS).post(f"/logos/{logo['id']}/design", files=files)
    assert answer.json()["design"]["file_name"] == "crest.dst"


async def test_another_file_takes_the_place_and_the_trail_shows_both(
    client_for: ClientFor, orgs: dict[str, TestOrg], rooms: Rooms, audit_of: AuditOf
) -> None:
    logo = await make_logo(client_for)
    await upload(client_for(Role.OPS), logo["id"])
    second = await upload(client_for(Role.OPS), logo["id"], crest(stops=2))
    assert second.json()["design"]["stops"] == 2
    row = (await audit_of(orgs["demo"], logo["id"]))[2]
    assert (row["before"]["design"]["stops"], row["after"]["design"]["stops"]) == (3, 2)
    kept = design_key(orgs["demo"].id, row["before"]["design"]["sha256"])
    assert await rooms.documents.get(kept) == CREST


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b"%PDF-1.7" + b"x" * 2000, "The file is no DST design"),
        (CREST[:-40], "The design is cut off"),
        (CREST[:512] + b"\x00\x00\xf3", "The design has no stitches"),
        (b"\x00" * 5000, "The file is no DST design"),
    ],
)
async def test_a_file_that_is_no_design_is_422_with_a_sentence_and_changes_nothing(
    client_for: ClientFor, content: bytes, sentence: str
) -> None:
    logo = await make_logo(client_for)
    answer = await upload(client_for(Role.OPS), logo["id"], content)
    assert (answer.status_code, answer.json()["code"]) == (422, "VALIDATION_ERROR")
    assert answer.json()["detail"].startswith(sentence)
    assert (await client_for(Role.OPS).get(f"/logos/{logo['id']}")).json() == logo


async def test_a_large_body_another_type_and_a_form_without_file_are_refused(client_for: ClientFor) -> None:
    logo, ops = await make_logo(client_for), client_for(Role.OPS)
    path = f"/logos/{logo['id']}/design"
    assert (await upload(ops, logo["id"], CREST[:512] + b"\x01" * MAX_BODY_BYTES)).status_code == 413
    assert (await ops.post(path, content=CREST, headers=TRIVIAL)).status_code == 415
    assert (await ops.post(path, data={"file": "x"})).status_code == 415
    two = [("file", ("a.dst", CREST)), ("file", ("b.dst", CREST))]
    for answer in (await ops.post(path, files=two), await ops.post(path, files={"": (None, b"x")})):
        assert answer.status_code == 422


async def test_the_same_key_uploads_once_and_another_file_under_it_is_refused(client_for: ClientFor) -> None:
    logo, ops = await make_logo(client_for), client_for(Role.OPS)
    path, key = f"/logos/{logo['id']}/design", {"Idempotency-Key": uuid4().hex}
    form = {"file": ("crest.dst", CREST)}
    first = await ops.post(path, files=form, headers=key)
    again = await ops.post(path, files=form, headers=key)  # with another boundary
    assert (again.status_code, again.json()) == (200, first.json())
    other = await ops.post(path, files={"file": ("crest.dst", crest(stops=2))}, headers=key)
    assert other.status_code == 422


async def test_another_orgs_logo_takes_no_design_and_shows_none(client_for: ClientFor) -> None:
    logo = await make_logo(client_for)
    await upload(client_for(Role.OPS), logo["id"])
    assert (await upload(client_for(Role.OPS, "other"), logo["id"])).status_code == 404
    for kind in ("svg", "png"):
        shown = await client_for(Role.ADMIN, "other").get(f"/logos/{logo['id']}/design/preview.{kind}")
        assert shown.status_code == 404


async def test_a_preview_is_drawn_in_the_threads_of_the_color_up(client_for: ClientFor) -> None:
    logo = await make_logo(client_for)
    await upload(client_for(Role.OPS), logo["id"])
    color_up = await make_color_up(client_for, logo_id=logo["id"])  # two threads for three stops
    viewer, path = client_for(Role.VIEWER), f"/logos/{logo['id']}/design/preview"
    svg = await viewer.get(f"{path}.svg", params={"color_up_id": color_up["id"]})
    assert (svg.status_code, svg.headers["content-type"]) == (200, "image/svg+xml")
    assert 'stroke="#e4e8ff"' in svg.text
    assert 'stroke="#bc2130"' in svg.text
    png = await viewer.get(f"{path}.png", params={"color_up_id": color_up["id"]})
    assert png.content.startswith(b"\x89PNG")
    tag = {"If-None-Match": svg.headers["etag"]}
    kept = await viewer.get(f"{path}.svg", params={"color_up_id": color_up["id"]}, headers=tag)
    assert (kept.status_code, kept.content) == (304, b"")
    other = await viewer.get(f"{path}.svg", headers=tag)
    assert other.status_code == 200
    assert len(set(other.text.split('stroke="')[1:])) == 3


async def test_a_logo_without_design_has_a_placeholder(client_for: ClientFor) -> None:
    color_up = await make_color_up(client_for)
    path = f"/logos/{color_up['logo_id']}/design/preview.svg"
    shown = await client_for(Role.PRODUCTION).get(path, params={"color_up_id": color_up["id"]})
    assert shown.status_code == 200
    assert "#bc2130" in shown.text


async def test_a_preview_wants_a_color_up_of_this_logo(client_for: ClientFor) -> None:
    logo, other = await make_logo(client_for), await make_color_up(client_for)
    viewer, path = client_for(Role.VIEWER), f"/logos/{logo['id']}/design/preview.svg"
    assert (await viewer.get(path, params={"color_up_id": str(uuid4())})).status_code == 404
    wrong = await viewer.get(path, params={"color_up_id": other["id"]})
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "The color-up belongs to another logo")


async def test_a_file_that_the_store_lost_or_changed_is_404_with_a_sentence(
    client_for: ClientFor, orgs: dict[str, TestOrg], rooms: Rooms
) -> None:
    logo = await make_logo(client_for)
    content = crest(stops=4)
    await upload(client_for(Role.OPS), logo["id"], content)
    key = design_key(orgs["demo"].id, hashlib.sha256(content).hexdigest())
    await rooms.documents.put(key, CREST)
    shown = await client_for(Role.VIEWER).get(f"/logos/{logo['id']}/design/preview.svg")
    assert shown.status_code == 404
    assert "upload it again" in shown.json()["detail"]


async def test_a_child_that_fails_is_503_and_changes_nothing(
    client_for: ClientFor, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise DrawingFailed("too long")

    logo = await make_logo(client_for)
    monkeypatch.setattr(rooms.studio, "facts", fail)
    monkeypatch.setattr(rooms.studio, "picture", fail)
    answer = await upload(client_for(Role.OPS), logo["id"])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert (await client_for(Role.OPS).get(f"/logos/{logo['id']}")).json() == logo
    shown = await client_for(Role.VIEWER).get(f"/logos/{logo['id']}/design/preview.png")
    assert shown.status_code == 503
