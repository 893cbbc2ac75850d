"""The handle that the sending contract takes: a connector with a receiver behind it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from domain.delivery import Delivery
from tests.connectors.conftest import make_delivery


@dataclass
class Sender:
    """`arrived` are pairs of the id that an order came under and its bytes, one for each time that it came.

    `dead` reaches nobody; `lossy` delivers, and the answer is lost.
    """

    connector: Any
    config: Any
    dead: Any
    lossy: Any
    arrived: Callable[[], list[tuple[str, bytes]]]
    secret: str | None = None
    delivery: Delivery = field(default_factory=lambda: make_delivery())  # noqa: PLW0108
