"""docs/connectors.md tells every step and every code of the connection test."""

from pathlib import Path

from connectors.certification_report import PASSED
from domain.transport import TransportCode

PAGE = (Path(__file__).parents[2] / "docs" / "connectors.md").read_text()
# of the delivery, not of a test
NOT_OF_A_TEST = {
    "CONFIGURATION_INVALID",
    "FINAL_FILE_CONFLICT",
    "CONNECTION_BUSY",
    "CONNECTION_PAUSED",
    "CONNECTION_DISABLED",
    "CONNECTION_REPOINTED",
}
NOT_OF_A_FOLDER = {
    "CERTIFICATE_INVALID",
    "DOCUMENT_INVALID",
    "DOCUMENT_REFUSED",
    "ENDPOINT_NOT_FOUND",
    "RATE_LIMITED",
    "REDIRECT_REFUSED",
}


def test_every_step_is_described() -> None:
    assert [step for step in PASSED if f"`{step}`" not in PAGE] == []


def test_every_code_that_a_dropzone_test_can_answer_is_explained() -> None:
    codes = {code.value for code in TransportCode} - NOT_OF_A_TEST - NOT_OF_A_FOLDER
    assert sorted(code for code in codes if f"`{code}`" not in PAGE) == []
