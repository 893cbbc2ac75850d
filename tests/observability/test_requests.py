"""The access line and its measurement: templates and ids, never what a client wrote."""

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest
from structlog.testing import CapturingLogger

from api.requests import ExactRoute, RequestGuard
from config.metrics import ApiMetrics, reason_label


@pytest.fixture
def counted() -> ApiMetrics:
    return ApiMetrics()


@pytest.fixture
def http(counted: ApiMetrics) -> httpx.AsyncClient:
    app = FastAPI()
    app.router.route_class = ExactRoute

    @app.get("/proofs/{token}")
    async def proof(token: str) -> dict[str, str]:
        if token == "broken":
            raise ValueError("planted")
        return {}

    app.add_middleware(RequestGuard, answer_within_s=2.0, exempt=(), counted=counted.requests)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_one_measurement_by_template_whatever_the_path(
    http: httpx.AsyncClient, counted: ApiMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr("api.requests.log", log)
    for path in ("/proofs/secret-1?x=secret-2", "/proofs/broken", "/secret-3"):
        await http.get(path)
    await http.request("SECRET4", "/proofs/a")
    said = [call for call in log.calls if call.args == ("request",)]
    assert [call.kwargs["status"] for call in said] == [200, 500, 404, 405]
    text = generate_latest(counted.registry).decode()
    for labels in (
        'method="GET",route="/proofs/{token}",status_class="2xx"',
        'method="GET",route="/proofs/{token}",status_class="5xx"',
        'method="GET",route="unmatched",status_class="4xx"',
    ):
        assert f"countersign_http_request_duration_seconds_count{{{labels}}} 1.0" in text
    assert 'method="other"' in text
    for word in ("secret-1", "secret-2", "secret-3", "SECRET4"):
        assert word not in text
        assert word not in str(log.calls)


def test_a_code_that_is_not_ours_gets_no_label_of_its_own() -> None:
    assert reason_label("DISK_FULL") == "DISK_FULL"
    assert reason_label("ERP-4711 Muster GmbH") == "other"
    assert reason_label(None) == "other"
