"""Tokens of an identity provider, checked with the keys that it publishes (JWKS).

The algorithm comes from configuration, keys from the configured address: whatever a token's header offers
(`jku`, `x5u`, `jwk`, `x5c`, another `alg`) is never looked at. A junk token costs no request to the provider.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

import jwt
import structlog

log = structlog.get_logger(__name__)

FRESH_S = 600.0  # older keys are fetched again
USABLE_S = 3600.0  # so long may the provider be away before its tokens are no longer believed
RETRY_S = 10.0  # at most one fetch in this time, whatever is asked for
FETCH_TIMEOUT_S = 2.0
LEEWAY_S = 10  # between our clock and the issuer's
MAX_TOKEN_CHARACTERS = 8192
_SMALLEST_RSA_BITS = 2048


class TokenInvalid(Exception):
    """The token is forged, expired, or not meant for us."""


class KeysUnavailable(Exception):
    """The provider's keys are not known and it does not answer: nothing can be said about the token."""


def checked(token: str, key: Any, algorithms: Sequence[str], *, required: Sequence[str], **who: Any) -> Any:
    """Claims of a token whose signature, times, issuer and audience are right.

    Raises:
        TokenInvalid: whatever is wrong.
    """
    try:
        return jwt.decode(
            token, key, algorithms=algorithms, leeway=LEEWAY_S, options={"require": list(required)}, **who
        )
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise TokenInvalid from error


class SigningKeys:
    """The provider's keys for some algorithms, kept between requests and fetched by one task at a time."""

    def __init__(self, url: str, algorithms: Sequence[str]) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_S)
        self._algorithms = algorithms
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        # Of its own: a server that drips its answer must not take threads from password checks.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jwks")

    async def find(self, token: str) -> tuple[Any, str]:
        """The key that the token's `kid` names, and the algorithm to check with.

        Raises:
            TokenInvalid: no such key, or not an algorithm that is configured.
            KeysUnavailable: the provider did not answer.
        """
        kid, algorithm = self._header(token)
        if kid not in self._keys or not self._younger_than(FRESH_S):
            await self._refreshed()
        if not self._younger_than(USABLE_S):
            raise KeysUnavailable
        found = self._keys.get(kid)
        if found is None:
            if self._tried_at > self._fetched_at:  # the key may be new, and the last fetch failed
                raise KeysUnavailable
            raise TokenInvalid
        if found.algorithm_name != algorithm:
            raise TokenInvalid
        return found.key, algorithm

    def _header(self, token: str) -> tuple[str, str]:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise TokenInvalid
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenInvalid from error
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(kid, str) or not kid or algorithm not in self._algorithms:
            raise TokenInvalid
        return kid, str(algorithm)

    def _younger_than(self, limit_s: float) -> bool:
        return time.monotonic() - self._fetched_at < limit_s

    async def _refreshed(self) -> None:
        if self._fetching is None:
            if time.monotonic() - self._tried_at < RETRY_S:
                return
            self._fetching = asyncio.create_task(self._fetch())
        await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(self._thread, self._client.get_jwk_set)
            keys = {key.key_id: key for key in found.keys if key.key_id and self._fits(key)}
        except (jwt.PyJWTError, OSError, HTTPException, ValueError, RecursionError) as error:
            self._tried_at = time.monotonic()
            log.warning("jwks_not_fetched", error=type(error).__name__)
        else:
            self._tried_at = self._fetched_at = time.monotonic()
            self._keys = keys
        finally:
            self._fetching = None

    def _fits(self, key: jwt.PyJWK) -> bool:
        if key.public_key_use not in {None, "sig"} or key.algorithm_name not in self._algorithms:
            return False
        return key.key_type != "RSA" or key.key.key_size >= _SMALLEST_RSA_BITS


class JwksTokens:
    """Reads the tokens of one issuer for one audience."""

    def __init__(
        self, url: str, algorithms: Sequence[str], *, issuer: str, audience: str, required: Sequence[str]
    ) -> None:
        self._keys = SigningKeys(url, algorithms)
        self._issuer = issuer
        self._audience = audience
        self._required = required

    async def claims(self, token: str) -> dict[str, Any]:
        """
        Raises:
            TokenInvalid: whatever is wrong; the caller learns no more than that.
            KeysUnavailable: the provider did not answer, and the token cannot be judged.
        """
        key, algorithm = await self._keys.find(token)
        claims: dict[str, Any] = checked(
            token, key, [algorithm], required=self._required, issuer=self._issuer, audience=self._audience
        )
        return claims
