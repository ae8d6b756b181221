"""OpenID Connect: whoever an issuer vouches for, by Authlib (authorization code, PKCE, state, nonce, signed tokens)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Flask, Response
from joserfc.errors import JoseError

from clip_branches.errors import ConfigurationError, NotAuthenticated, ServiceUnavailable
from clip_branches.settings import WebSettings

_TIMEOUT_S = 10
_MOST_GROUPS = 50


class Provider:
    """The issuer that the settings name."""

    def __init__(self, app: Flask, settings: WebSettings) -> None:
        issuer = settings.oidc_issuer.rstrip("/")
        if not settings.oidc_client_id:
            raise ConfigurationError("With WEB_OIDC_ISSUER there must be WEB_OIDC_CLIENT_ID, as the issuer gave it.")
        self.host = urlsplit(issuer).netloc
        self._groups_claim = settings.oidc_groups_claim
        self._client = OAuth(app).register(
            "oidc",
            client_id=settings.oidc_client_id,
            client_secret=_secret(settings) or None,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": settings.oidc_scopes,
                "code_challenge_method": "S256",
                "timeout": _TIMEOUT_S,
                "token_endpoint_auth_method": "client_secret_basic" if _secret(settings) else "none",
            },
        )

    def leave(self, back: str) -> Response:
        """Off to the issuer, which sends the person ``back``; ServiceUnavailable where it does not answer."""
        try:
            answer: Response = self._client.authorize_redirect(back)
        except (requests.RequestException, AuthlibBaseError, ValueError) as error:
            raise ServiceUnavailable(f"The login at {self.host} does not answer.") from error
        return answer

    def come_back(self, known_groups: Collection[str]) -> dict[str, Any]:
        """{"owner", "name", "email", "groups"} of who came back; NotAuthenticated for a token that does not hold."""
        try:
            token = self._client.authorize_access_token()
            told = dict(token.get("userinfo") or {})
            if "email" not in told or self._groups_claim not in told:
                told = self._completed(told, token)
        except (AuthlibBaseError, JoseError, requests.RequestException, ValueError, KeyError) as error:
            raise NotAuthenticated(f"The login at {self.host} was not completed. Begin it again.") from error
        if not told.get("sub") or not told.get("iss"):
            raise NotAuthenticated(f"The login at {self.host} does not say who it is of.")
        verified = told.get("email_verified") in (True, "true")
        groups = told.get(self._groups_claim)
        groups = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        digest = hashlib.sha256(f"{told['iss']}\n{told['sub']}".encode()).hexdigest()
        return {
            "owner": f"person:{digest[:40]}",
            "name": str(told.get("name") or told.get("preferred_username") or told.get("email") or told["sub"])[:100],
            # Anybody can claim an address: only one that the issuer has verified counts.
            "email": str(told["email"])[:250] if verified and told.get("email") else None,
            "groups": [group for group in groups if isinstance(group, str) and group in known_groups][:_MOST_GROUPS],
        }

    def _completed(self, told: dict[str, Any], token: Any) -> dict[str, Any]:
        """With what the issuer only tells when it is asked for: of the same person, and never over what it signed."""
        if not self._client.load_server_metadata().get("userinfo_endpoint"):
            return told
        more = dict(self._client.userinfo(token=token))
        return more | told if more.get("sub") == told.get("sub") else told


def _secret(settings: WebSettings) -> str:
    if settings.oidc_client_secret_file is None:
        return settings.oidc_client_secret
    try:
        return settings.oidc_client_secret_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"The file of the setting 'oidc_client_secret_file', {settings.oidc_client_secret_file}, cannot be read: "
            f"{error.strerror or error}."
        ) from error
