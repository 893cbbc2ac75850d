"""The product's API, which a fuse kills before a command's request is read or before its answer is sent.

And after an answer, before it sets going what it has committed.
"""

import os
import re
from unittest.mock import patch

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import app as product
from commands.errands import Errands
from domain.callbacks import CallbackOrder
from domain.notices import NoticeOrder
from tests.faults.points import Fuse

CALLS = {
    "create": re.compile(r"/draft-orders"),
    "validate": re.compile(r"/draft-orders/[^/]+/validate"),
    "approve": re.compile(r"/draft-orders/[^/]+/approve"),
    "push": re.compile(r"/draft-orders/[^/]+/push"),
}
API_POINTS = {
    f"{side} {call}": f"the API is killed {words}"
    for call in CALLS
    for side, words in (("before", "before it reads the request"), ("after", "after it is done, unanswered"))
}


class ArmedApi:
    def __init__(self, app: ASGIApp, fuse: Fuse) -> None:
        self._app = app
        self._fuse = fuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = _call(scope)
        if call is None:
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:
                self._fuse.passed(f"after {call}")
            await send(message)

        self._fuse.passed(f"before {call}")
        await self._app(scope, receive, sent)


def _call(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    return next((name for name, path in CALLS.items() if path.fullmatch(scope["path"])), None)


def create_armed_app() -> ArmedApi:
    fuse = Fuse(os.environ)

    class ArmedErrands(Errands):
        async def tell_notice(self, order: NoticeOrder) -> None:
            fuse.passed("before a notice starts")
            await super().tell_notice(order)

        async def settle_callback(self, order: CallbackOrder) -> None:
            fuse.passed("before a callback starts")
            await super().settle_callback(order)

    patch.object(product, "Errands", ArmedErrands).start()  # for as long as the process lives
    return ArmedApi(product.create_app(), fuse)
