"""For targets that take an order as one message: implement `send`.

Such a target has no place where a document can lie unseen, and nothing to look at afterwards. So nothing is
staged, a try whose answer was lost is sent again under the same id, and the receiver must know an order that
it has by `Delivery.export_id`: at least once on the wire, once in the ERP if it does.
"""

from abc import abstractmethod

from connectors.connector import BaseConnector, require_whole
from connectors.handover import require_plain_name
from connectors.port import Attempt, ConfigT, OnProgress
from domain.delivery import Delivery, FenceOutcome, PublishOutcome, StagedFile
from domain.transport import TransportCode, TransportError


class SendingConnector(BaseConnector[ConfigT]):
    @abstractmethod
    async def send(
        self, delivery: Delivery, config: ConfigT, attempt: Attempt, on_progress: OnProgress
    ) -> None:
        """Send the document under `delivery.export_id`; return when the receiver has said that it took it.

        Raises:
            TransportError: with `unsent=True` only when the receiver surely has not taken the order and
                will not: it could not be reached, or said no. Every other failure may have been a success.
        """

    async def stage(
        self, delivery: Delivery, config: ConfigT, on_progress: OnProgress, attempt: Attempt | None = None
    ) -> StagedFile:
        """Touches nothing outside: what is staged is the promise to send under this id."""
        require_plain_name(delivery.file_name)
        require_whole(delivery)
        on_progress()
        return StagedFile(
            temp_name=str(delivery.export_id),
            file_name=delivery.file_name,
            sha256=delivery.sha256,
            size_bytes=delivery.size_bytes,
        )

    async def publish(
        self,
        staged: StagedFile,
        config: ConfigT,
        *,
        first_try: bool,
        on_progress: OnProgress,
        attempt: Attempt | None = None,
    ) -> PublishOutcome:
        attempt = attempt or Attempt()
        delivery = await attempt.read_delivery()
        require_whole(delivery)
        if delivery.sha256 != staged.sha256:
            raise TransportError(
                TransportCode.DOCUMENT_INVALID, "not the document that was staged", unsent=True
            )
        await self.send(delivery, config, attempt, on_progress)
        return PublishOutcome.PUBLISHED

    async def fence(
        self, staged: StagedFile, config: ConfigT, *, surely_unsent: bool = False
    ) -> FenceOutcome:
        return FenceOutcome.NOT_SENT if surely_unsent else FenceOutcome.MAY_HAVE_BEEN_SENT
