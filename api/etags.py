"""`ETag` is the version in quotes; `If-Match` is optional and, when it names another version, 412."""

from typing import Annotated

from fastapi import Depends, Header

from api.problems import Problem
from domain.refusals import VersionMismatch


def etag(version: int) -> str:
    return f'"{version}"'


def _if_match(
    if_match: Annotated[str | None, Header(description='the ETag that was read, like "7"')] = None,
) -> str | None:
    return if_match


IfMatch = Annotated[str | None, Depends(_if_match)]


def require_version(if_match: str | None, version: int) -> None:
    """Let the request through when it names no version, any, or this one.

    Raises:
        VersionMismatch: somebody changed the object since it was read.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if etag(version) not in [tag.strip() for tag in if_match.split(",")]:
        raise VersionMismatch(f"This was changed meanwhile: its version is {version}; read it again")


def version_of(if_match: str | None) -> int | None:
    """The version that `If-Match` names; None when it is absent or `*`."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdecimal() or len(text) > 9:
        raise Problem(
            412, 'If-Match names no version of this draft; send the ETag that was read, such as "7"'
        )
    return int(text)
