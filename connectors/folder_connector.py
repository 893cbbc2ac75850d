"""For targets that are folders: implement `open_folder`, and `handover` keeps the promises."""

from abc import abstractmethod

from connectors import handover
from connectors.connector import BaseConnector
from connectors.handover import OpenFolder
from connectors.port import Attempt, ConfigT, OnProgress
from domain.delivery import Delivery, FenceOutcome, PublishOutcome, StagedFile


class FolderConnector(BaseConnector[ConfigT]):
    """Stage, publish and fence by looking at the folder; nothing is remembered anywhere else."""

    @abstractmethod
    def open_folder(self, config: ConfigT) -> OpenFolder:
        """One session for one operation."""

    async def stage(
        self, delivery: Delivery, config: ConfigT, on_progress: OnProgress, attempt: Attempt | None = None
    ) -> StagedFile:
        async with self.open_folder(config) as folder:
            return await handover.stage(folder, delivery, on_progress)

    async def publish(
        self,
        staged: StagedFile,
        config: ConfigT,
        *,
        first_try: bool,
        on_progress: OnProgress,
        attempt: Attempt | None = None,
    ) -> PublishOutcome:
        async with self.open_folder(config) as folder:
            return await handover.publish(folder, staged, first_try=first_try, on_progress=on_progress)

    async def fence(
        self, staged: StagedFile, config: ConfigT, *, surely_unsent: bool = False
    ) -> FenceOutcome:
        async with self.open_folder(config) as folder:
            return await handover.fence(folder, staged)
