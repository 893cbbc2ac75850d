"""Export documents and design files in the object store, a folder or a bucket.

Writing the same key twice is harmless.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlparse

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from storage.database import DatabaseUnavailable


class DocumentsUnavailable(DatabaseUnavailable):
    """The object store did not answer, or refused."""


class Documents:
    """`url` is file:///folder or s3://bucket/prefix; credentials come from the environment."""

    def __init__(self, url: str) -> None:
        self._store: ObjectStore
        if urlparse(url).scheme == "file":
            folder = Path(urlparse(url).path)
            folder.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(prefix=folder)
        else:
            self._store = from_url(
                url,
                client_options={"timeout": timedelta(seconds=10), "connect_timeout": timedelta(seconds=3)},
                retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=15)},
            )

    async def put(self, key: str, document: str | bytes) -> None:
        """
        Raises:
            DocumentsUnavailable: nothing is known; put it again.
        """
        try:
            content = document.encode() if isinstance(document, str) else document
            await obstore.put_async(self._store, key, content)
        except (BaseError, OSError) as error:
            raise DocumentsUnavailable("The document store did not take the document") from error

    async def get(self, key: str) -> bytes | None:
        """The document's bytes, or None when nothing was ever put there."""
        try:
            found = await obstore.get_async(self._store, key)
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise DocumentsUnavailable("The document store did not answer") from error
