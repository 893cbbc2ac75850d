"""Access tokens: our own (HS256) or those of an identity provider. A deployment takes one kind, not both."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from api.jwks import MAX_TOKEN_CHARACTERS, JwksTokens, TokenInvalid, checked
from config.settings import Settings

_CLAIMS = ["sub", "org", "role", "exp", "iat", "iss", "aud"]


@dataclass(frozen=True)
class Claims:
    user_id: UUID
    org_id: UUID
    expires_at: datetime


class Tokens:
    """With JWT_JWKS_URL only the identity provider's tokens are good, and `/auth/login` gives none."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self.lifetime_s = settings.jwt_lifetime_s
        self._secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else None
        self._provider: JwksTokens | None = None
        if settings.jwt_jwks_url:
            self._secret = None  # a secret that is still set must not open a second door
            self._provider = JwksTokens(
                settings.jwt_jwks_url,
                [settings.jwt_algorithm],
                issuer=self._issuer,
                audience=self._audience,
                required=_CLAIMS,
            )

    @property
    def issued_here(self) -> bool:
        return self._secret is not None

    def issue(self, user_id: UUID, org_id: UUID, role: str) -> str:
        if self._secret is None:
            raise RuntimeError("the identity provider issues the tokens")
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

    async def read(self, token: str) -> Claims:
        """Check signature, algorithm, claims and times.

        Raises:
            TokenInvalid: whatever is wrong; the caller learns no more than that.
            KeysUnavailable: the identity provider did not answer.
        """
        if self._provider is not None:
            claims = await self._provider.claims(token)
        elif len(token) > MAX_TOKEN_CHARACTERS:
            raise TokenInvalid
        else:
            who = {"issuer": self._issuer, "audience": self._audience}
            claims = checked(token, self._secret, ["HS256"], required=_CLAIMS, **who)
        try:
            expires_at = datetime.fromtimestamp(claims["exp"], UTC)
            if self._provider is None and expires_at <= datetime.now(UTC):
                raise TokenInvalid  # the leeway is for another clock than ours
            return Claims(UUID(claims["sub"]), UUID(claims["org"]), expires_at)
        except (ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise TokenInvalid from error
