"""What "test connection" answers: success, or 400 with the reason and the host key that was seen."""

import asyncio
from typing import Any

from pydantic import BaseModel, Field

from api.problems import Problem
from connectors.port import ERPConnectorPort
from connectors.registry import CONNECTOR_TYPES
from domain.delivery import TestResult, TestStep

LIMIT_S = 60


class TestAnswer(BaseModel):
    """A test that passed. One that failed is 400 with the same members and `expected_host_keys`."""

    __test__ = False  # the name is the product's, not pytest's

    success: bool = Field(examples=[True])
    message: str = Field(examples=["The connection works"])
    latency_ms: int = Field(examples=[180])
    host_key_fingerprint: str | None = Field(examples=["SHA256:" + "A" * 43])
    capabilities: dict[str, bool] | None = Field(
        examples=[
            {
                "exclusive_create": True,
                "rename": True,
                "posix_rename": True,
                "fsync": True,
                "rename_refuses_existing": True,
            }
        ]
    )
    steps: list[TestStep] = Field(
        examples=[
            [{"step": "connect", "ok": True, "message": "The server can be reached", "duration_ms": 12}],
        ]
    )


def require_test(connector_type: str) -> None:
    """
    Raises:
        Problem: 400, for a type whose connections cannot be tested without an order.
    """
    if not CONNECTOR_TYPES[connector_type].traits.has_test:
        raise Problem(400, "Connections of this type have no test; the first order is the test")


async def probe(connector: ERPConnectorPort[Any], config: Any) -> TestResult:
    """Run the connector's own test, never longer than `LIMIT_S`."""
    try:
        async with asyncio.timeout(LIMIT_S):
            return await connector.test_connection(config)
    except TimeoutError:
        return TestResult(
            success=False,
            code="CONNECTION_TIMEOUT",
            error_message="Connection timeout: the test did not finish in time",
            latency_ms=LIMIT_S * 1000,
        )


def test_answer(result: TestResult) -> dict[str, Any]:
    """
    Raises:
        Problem: 400, when the test failed.
    """
    if not result.success:
        raise test_problem(result)
    return {
        "success": True,
        "message": "The connection works",
        "latency_ms": result.latency_ms,
        "host_key_fingerprint": result.host_key_fingerprint,
        "capabilities": None if result.capabilities is None else result.capabilities.model_dump(),
        "steps": [step.model_dump() for step in result.steps],
    }


# api.md has fewer codes than the delivery: what is no SFTP server refuses, as far as a person can tell
_AS: dict[str, str] = {"CONNECTION_LOST": "CONNECTION_REFUSED"}


def test_problem(result: TestResult) -> Problem:
    code = result.code or "CONNECTION_TIMEOUT"
    return Problem(
        400,
        result.error_message or "The test failed",
        code=_AS.get(code, code),
        success=False,
        message=result.error_message,
        latency_ms=result.latency_ms,
        host_key_fingerprint=result.host_key_fingerprint,
        expected_host_keys=result.expected_host_keys,
        steps=[step.model_dump() for step in result.steps],
    )
