"""A connection is pointed to another place while an order is handed over: it is never called sent unseen."""

from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from connectors.configuration import ConnectorConfig
from connectors.connector import Traits
from connectors.dropzone_config import DropzoneConfig
from connectors.policy import ConnectorPolicy
from connectors.port import Attempt, OnProgress
from connectors.sending_connector import SendingConnector
from domain.delivery import Delivery, FenceOutcome, PublishOutcome
from domain.transport import TransportCode, TransportError
from storage.database import Database
from tests.activities.delivery_world import DeliveryWorld, delivery_world


@pytest_asyncio.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[DeliveryWorld]:
    async with delivery_world(database, tmp_path) as running:
        yield running


async def refused(step: Any) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await step
    return caught.value


@pytest.mark.parametrize(("lost", "lies_in"), [("before", []), ("after", ["orders"])])
async def test_a_publish_that_began_elsewhere_is_not_called_sent(
    world: DeliveryWorld, lost: str, lies_in: list[str]
) -> None:
    world.connector.lose = [lost]
    staged = await world.stage()
    assert (await refused(world.publish(staged))).type == "CONNECTION_LOST"
    await world.point_to(export_path=str(world.root / "elsewhere"))
    error = await refused(world.publish(staged))
    assert (error.type, error.non_retryable) == ("CONNECTION_REPOINTED", True)
    assert f"look in {world.root / 'orders'} whether it arrived, then push again" in error.message
    assert await world.fence(staged, error) is FenceOutcome.MAY_HAVE_BEEN_SENT
    folders = ("orders", "elsewhere")
    assert [folder for folder in folders if world.export.file_name in world.files(folder)] == lies_in
    assert [row["status"] for row in await world.log()] == ["RETRYING", "FAILED"]


async def test_a_connection_that_was_pointed_back_tells_that_nothing_was_sent(world: DeliveryWorld) -> None:
    world.connector.lose = ["before"]
    staged = await world.stage()
    await refused(world.publish(staged))
    await world.point_to(export_path=str(world.root / "elsewhere"))
    error = await refused(world.publish(staged))
    await world.point_to(export_path=str(world.root / "orders"))
    assert await world.fence(staged, error) is FenceOutcome.NOT_SENT
    assert world.files("orders") == []


async def test_what_was_staged_elsewhere_and_never_published_is_staged_anew(world: DeliveryWorld) -> None:
    staged = await world.stage()
    await world.point_to(export_path=str(world.root / "elsewhere"))
    assert (await refused(world.publish(staged))).type == "StagedFileLost"
    again = await world.stage()
    assert (await world.publish(again)).outcome is PublishOutcome.PUBLISHED
    assert world.files("elsewhere") == [world.export.file_name]
    assert world.export.file_name not in world.files("orders")


async def test_a_file_that_an_older_version_staged_is_published_as_before(world: DeliveryWorld) -> None:
    staged = await world.stage()
    older = staged.model_copy(update={"staged": staged.staged.model_copy(update={"place": None})})
    assert (await world.publish(older)).outcome is PublishOutcome.PUBLISHED


async def test_another_password_or_time_limit_is_the_same_place(world: DeliveryWorld) -> None:
    world.connector.lose = ["after"]
    staged = await world.stage()
    await refused(world.publish(staged))
    await world.point_to(operation_timeout_s=3)
    assert (await world.publish(staged)).outcome is PublishOutcome.ALREADY_THERE


SFTP = {
    "mode": "sftp",
    "host": "a.example",
    "port": 22,
    "username": "us",
    "password": "planted-secret-place",
    "host_key_fingerprints": ["SHA256:" + "A" * 43],
    "export_path": "orders",
}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"host": "b.example"}, False),
        ({"port": 2222}, False),
        ({"username": "others"}, False),
        ({"export_path": "/orders"}, False),
        ({"password": "another"}, True),
        ({"ack_path": "acks"}, True),
        ({"connect_timeout_s": 3}, True),
    ],
)
def test_a_place_is_whatever_decides_which_folder_is_meant(change: dict[str, Any], same: bool) -> None:
    before, after = DropzoneConfig.parse(SFTP), DropzoneConfig.parse({**SFTP, **change})
    assert (before.place == after.place) is same
    assert SFTP["password"] not in before.place


class BoxConfig(ConnectorConfig):
    box: str

    @property
    def destination(self) -> str:
        return self.box


class BoxConnector(SendingConnector[BoxConfig]):
    """Orders go into a box by its name; `errors` are what the next tries say instead."""

    config_model = BoxConfig
    traits: ClassVar[Traits] = Traits(title="boxes", example={"box": "a"}, has_test=False)

    def __init__(self) -> None:
        super().__init__(ConnectorPolicy())
        self.boxes: dict[str, list[str]] = defaultdict(list)
        self.errors: list[TransportError] = []

    async def send(
        self, delivery: Delivery, config: BoxConfig, attempt: Attempt, on_progress: OnProgress
    ) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.boxes[config.box].append(delivery.file_name)


@pytest.mark.parametrize("unsent", [True, False])
async def test_a_receiver_that_may_have_the_order_is_not_followed_by_another(
    database: Database, tmp_path: Path, unsent: bool
) -> None:
    connector = BoxConnector()
    connector.errors = [TransportError(TransportCode.CONNECTION_REFUSED, unsent=unsent)]
    async with delivery_world(database, tmp_path, connector, box="a") as world:
        staged = await world.stage()
        await refused(world.publish(staged))
        await world.point_to(box="b")
        error = await refused(world.publish(staged))
        if unsent:
            assert error.type == "StagedFileLost"
            await world.publish(await world.stage())
            assert connector.boxes == {"b": [world.export.file_name]}
        else:
            assert error.type == "CONNECTION_REPOINTED"
            assert await world.fence(staged, error) is FenceOutcome.MAY_HAVE_BEEN_SENT
            assert connector.boxes == {}
