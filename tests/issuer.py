"""A small issuer of OpenID Connect with real RSA-signed tokens: it vouches for whoever ``person`` says, at once."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from typing import Any
from urllib.parse import urlencode

from flask import Flask, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "clip-branches", "the client's secret"


class Issuer:
    """``person``: claims of who logs in next; ``spoil``: claims of the token to be changed; ``key``: what signs it."""

    def __init__(self) -> None:
        self.url = ""
        self.person: dict[str, Any] = {}
        self.spoil: dict[str, Any] = {}
        self.more: dict[str, Any] = {}
        self.published = self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.asked: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self.app = Flask("issuer")
        self.app.add_url_rule("/.well-known/openid-configuration", "metadata", self._metadata)
        self.app.add_url_rule("/jwks", "jwks", lambda: jsonify(keys=[self.published.as_dict(private=False)]))
        self.app.add_url_rule("/authorize", "authorize", self._authorize)
        self.app.add_url_rule("/token", "token", self._token, methods=["POST"])
        self.app.add_url_rule("/userinfo", "userinfo", lambda: jsonify({"sub": self.person["sub"], **self.more}))

    def _metadata(self) -> Any:
        ends = {name: f"{self.url}/{path}" for name, path in _ENDS.items()}
        return jsonify(issuer=self.url, id_token_signing_alg_values_supported=["RS256"], **ends)

    def _authorize(self) -> Any:
        asked = dict(request.args)
        self.asked.append(asked)
        code = secrets.token_urlsafe(12)
        self._codes[code] = asked
        return redirect(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    def _token(self) -> Any:
        asked = self._codes.pop(request.form["code"], None)
        verifier = hashlib.sha256(request.form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        known = request.authorization is not None and request.authorization.password == SECRET
        if asked is None or asked["code_challenge"] != challenge or not known:
            return jsonify(error="invalid_grant"), 400
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.person,
            **self.spoil,
        }  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return jsonify(access_token="x", token_type="Bearer", expires_in=300, id_token=signed)


_ENDS = {
    "authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks",
    "userinfo_endpoint": "userinfo",
}  # fmt: skip
