"""Access tokens: HS256 JWT with a pinned algorithm and required claims."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from config.settings import Settings

_CLAIMS = ["sub", "org", "role", "exp", "iat", "iss", "aud"]


class TokenInvalid(Exception):
    """The token is forged, expired, or not one of ours."""


@dataclass(frozen=True)
class Claims:
    user_id: UUID
    org_id: UUID
    expires_at: datetime


class Tokens:
    def __init__(self, settings: Settings) -> None:
        self._secret = settings.jwt_secret.get_secret_value()
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self.lifetime_s = settings.jwt_lifetime_s

    def issue(self, user_id: UUID, org_id: UUID, role: str) -> str:
        now = datetime.now(UTC)
        claims = {
            "sub": str(user_id),
            "org": str(org_id),
            "role": role,
            "iat": now,
            "exp": now + timedelta(seconds=self.lifetime_s),
            "iss": self._issuer,
            "aud": self._audience,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def read(self, token: str) -> Claims:
        """Check signature, algorithm, claims and times.

        Raises:
            TokenInvalid: whatever is wrong; the caller learns no more than that.
        """
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                issuer=self._issuer,
                audience=self._audience,
                options={"require": _CLAIMS},
            )
            expires_at = datetime.fromtimestamp(claims["exp"], UTC)
            return Claims(UUID(claims["sub"]), UUID(claims["org"]), expires_at)
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise TokenInvalid from error
