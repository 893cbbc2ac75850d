"""What a connector can do beside the port when its target keeps temporary files: list them, remove them."""

from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from domain.sweeping import Leftover

SweptT_contra = TypeVar("SweptT_contra", bound=BaseModel, contravariant=True)


@runtime_checkable
class KeepsLeftovers(Protocol[SweptT_contra]):
    """For the sweeper. Which of them may go is not the connector's to say."""

    async def leftovers(self, config: SweptT_contra) -> list[Leftover]:
        """Temporary files of ours in the export folder, oldest first; one listing.

        Raises:
            TransportError: the folder cannot be listed.
        """
        ...

    async def discard(self, names: Sequence[str], config: SweptT_contra) -> int:
        """Remove these temporary files; how many were there.

        Raises:
            TransportError: some may have been removed.
        """
        ...
