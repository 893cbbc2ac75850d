"""The Temporal client of every process, configured by the environment (`temporalio.envconfig`)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from temporalio.client import (
    Client,
    DescribeWorkflowInput,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    WorkflowExecutionDescription,
    WorkflowHandle,
    WorkflowUpdateHandle,
)
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import KeepAliveConfig, RPCError, RPCStatusCode

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
        interceptors=[_FirstCalls(), *interceptors],
        runtime=runtime,
        data_converter=encrypted_converter(keys),
        keep_alive_config=KeepAliveConfig(interval_millis=5_000, timeout_millis=5_000),
    )


@contextmanager
def first_connection() -> Iterator[None]:
    """Around a call that may be the first: its connection fails with an error of another kind than a call.

    Raises:
        RPCError: UNAVAILABLE, as a later call says it.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("Failed client connect"):
            raise
        raise RPCError("Temporal cannot be reached", RPCStatusCode.UNAVAILABLE, b"") from error


class _FirstCalls(Interceptor):
    """For the kinds of calls that the API makes."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _FirstCall(super().intercept_client(next))


class _FirstCall(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        with first_connection():
            return await super().start_workflow(input)

    async def describe_workflow(self, input: DescribeWorkflowInput) -> WorkflowExecutionDescription:
        with first_connection():
            return await super().describe_workflow(input)

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        with first_connection():
            return await super().query_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        with first_connection():
            await super().signal_workflow(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        with first_connection():
            return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        with first_connection():
            return await super().start_update_with_start_workflow(input)
