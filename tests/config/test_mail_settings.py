from typing import Any

import pytest
from pydantic import ValidationError

from config.settings import Settings

BASE = {
    "DATABASE_URL": "postgresql+asyncpg://x",
    "JWT_SECRET": "0123456789abcdef0123456789abcdef",
    "ENCRYPTION_MASTER_KEY": "ab" * 32,
    "COUNTERSIGN_DOCUMENTS_URL": "memory:///",
}
MAIL = {
    "COUNTERSIGN_SMTP_HOST": "smtp.example.com",
    "COUNTERSIGN_MAIL_FROM": "Company <proofs@example.com>",
    "COUNTERSIGN_PUBLIC_URL": "https://orders.example.com/",
}


def test_mail_settings_that_fit_are_taken_and_empty_ones_are_none() -> None:
    assert Settings.model_validate(BASE | MAIL).public_url == "https://orders.example.com"
    empty = Settings.model_validate(BASE | dict.fromkeys(MAIL, ""))
    assert (empty.smtp_host, empty.mail_from, empty.public_url) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"COUNTERSIGN_MAIL_FROM": ""}, "COUNTERSIGN_SMTP_HOST needs COUNTERSIGN_MAIL_FROM"),
        ({"COUNTERSIGN_PUBLIC_URL": ""}, "COUNTERSIGN_SMTP_HOST needs COUNTERSIGN_MAIL_FROM"),
        ({"COUNTERSIGN_PUBLIC_URL": "http://orders.example.com"}, "must be an https:// address"),
        ({"COUNTERSIGN_PUBLIC_URL": "https://orders.example.com?x=1"}, "must be an address like"),
        ({"COUNTERSIGN_MAIL_FROM": "nobody"}, "must be an address like"),
        ({"COUNTERSIGN_MAIL_FROM": "a@b.example\nBcc: c@d.example"}, "must be an address like"),
        ({"COUNTERSIGN_SMTP_USERNAME": "us"}, "both, or neither"),
        ({"COUNTERSIGN_SMTP_TLS": "none"}, "on loopback only"),
    ],
)
def test_mail_settings_that_would_leak_or_lose_mails_stop_the_process(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Settings.model_validate(BASE | MAIL | changes)
