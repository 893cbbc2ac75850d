"""`ETag` is the version in quotes; `If-Match` is optional and, when it names another version, 412.

`If-Match` may name several versions, weak ones too (`W/"7"`, as proxies make of ours), or any by `*`.
"""

import re
from typing import Annotated

from fastapi import Depends, Header

from api.problems import Problem
from domain.refusals import VersionMismatch

_TAG = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')


def etag(version: int) -> str:
    return f'"{version}"'


def _if_match(
    if_match: Annotated[
        str | None, Header(description='the ETag that was read, like "7"; several, or * for any')
    ] = None,
) -> frozenset[int] | None:
    """The versions that the caller takes; None: any."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = [_TAG.fullmatch(tag.strip()) for tag in if_match.split(",")]
    versions = frozenset(int(tag[1]) for tag in found if tag is not None)
    if not versions:
        raise Problem(412, 'If-Match names no version; send the ETag that was read, such as "7"')
    return versions


Versions = frozenset[int] | None
IfMatch = Annotated[Versions, Depends(_if_match)]


def require_version(if_match: Versions, version: int) -> None:
    """Let the request through when it names no version, any, or this one.

    Raises:
        VersionMismatch: somebody changed the object since it was read.
    """
    if if_match is not None and version not in if_match:
        raise VersionMismatch(f"This was changed meanwhile: its version is {version}; read it again")


def version_of(if_match: Versions) -> int | None:
    """The one version that a draft must have, for its workflow to judge; None: any.

    Of several it is the newest: versions only grow, so whoever has seen it knows that the others are gone.
    """
    return None if if_match is None else max(if_match)
