"""The Temporal client of every process, configured by the environment (`temporalio.envconfig`)."""

from collections.abc import Sequence
from typing import Any, cast

from temporalio.client import Client, Interceptor
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import KeepAliveConfig

from config.codec import encrypted_converter
from config.keys import KeyRing


async def connect(
    keys: KeyRing,
    *,
    lazy: bool = False,
    interceptors: Sequence[Interceptor] = (),
    runtime: Runtime | None = None,
) -> Client:
    """A client for TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_… .

    `lazy` postpones the connection to the first call, so that an API starts while Temporal is down.
    """
    options = cast(dict[str, Any], ClientConfig.load_client_connect_config())
    options.setdefault("target_host", "localhost:7233")
    return await Client.connect(
        **options,
        lazy=lazy,
        interceptors=interceptors,
        runtime=runtime,
        data_converter=encrypted_converter(keys),
        keep_alive_config=KeepAliveConfig(interval_millis=5_000, timeout_millis=5_000),
    )
