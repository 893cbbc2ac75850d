"""The connector of connectors/README.md, taken from the page, and an ERP for it."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from ipaddress import ip_network
from pathlib import Path
from types import ModuleType
from typing import Any

from connectors.policy import ConnectorPolicy
from tests.connectors.sender import Sender

PAGE = Path(__file__).parents[2] / "connectors" / "README.md"
PASSWORD = "planted-password-4711"


def _module() -> ModuleType:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    module = module_from_spec(ModuleSpec("readme_line_json", loader=None))
    sys.modules[module.__name__] = module  # pydantic looks annotations up there
    exec(compile(source, str(PAGE), "exec"), module.__dict__)
    return module


EXAMPLE = _module()


@asynccontextmanager
async def line_json_sender() -> AsyncIterator[Sender]:
    arrived: list[tuple[str, bytes]] = []

    def erp(*, answers: bool) -> Any:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            said = json.loads(await reader.readline())
            if said["password"] != PASSWORD:
                writer.write(b"NO password\n")
            else:
                if said["do"] == "order":
                    arrived.append((said["id"], said["document"].encode()))
                if answers:
                    writer.write(f"OK {said['id']}\n".encode())
            writer.close()

        return asyncio.start_server(serve, "127.0.0.1", 0, limit=4 * 1024 * 1024)

    connector = EXAMPLE.LineJsonConnector(ConnectorPolicy(allowed_networks=(ip_network("127.0.0.0/8"),)))
    async with await erp(answers=True) as good, await erp(answers=False) as bad:

        def config(port: int) -> Any:
            return connector.parse({"host": "127.0.0.1", "port": port, "password": PASSWORD})

        yield Sender(
            connector,
            config(good.sockets[0].getsockname()[1]),
            config(1),
            config(bad.sockets[0].getsockname()[1]),
            lambda: arrived,
            secret=PASSWORD,
        )
