"""A design's file from the document store: exactly the bytes that were uploaded, or a sentence."""

import hashlib
from uuid import UUID

from api.problems import Problem
from domain.designs import design_key
from storage.documents import Documents


async def design_file(documents: Documents, org_id: UUID, sha256: str) -> bytes:
    """
    Raises:
        Problem: 404 when the store has lost the file or holds other bytes in its place.
        DocumentsUnavailable: the store does not answer.
    """
    content = await documents.get(design_key(org_id, sha256))
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        raise Problem(404, "The logo's design file is no longer in the document store; upload it again")
    return content
