"""Files that are sent: as the raw body, or as the one file of multipart/form-data."""

from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from api.problems import Problem

MULTIPART = "multipart/form-data"


@dataclass(frozen=True)
class Upload:
    content: bytes
    file_name: str | None = None  # as the sender said; only multipart says


def content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def uploaded_file(request: Request, what: str) -> Upload:
    """The file of a multipart body. `what` is how the sentence calls it.

    Raises:
        Problem: 422 when there is none, or more than one, or the body is broken.
    """
    await request.body()  # kept, so that the form can be read from it
    try:
        async with request.form(max_files=1, max_fields=10) as form:
            for value in form.values():
                if isinstance(value, UploadFile):
                    return Upload(await value.read(), value.filename)
    except HTTPException:
        raise Problem(422, "The multipart body is broken, or holds more than one file") from None
    raise Problem(422, f"The multipart body holds no file; send {what} as one")
