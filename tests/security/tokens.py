"""An issuer of OAuth tokens: signs them, publishes its keys, and answers client credentials over HTTP."""

import base64
import http.server
import json
import os
import subprocess
import threading
import time
import urllib.parse


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Its keys are a file of JSON, as a broker reads them; its endpoint listens on loopback."""

    AUDIENCE = "kafka"

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self._key = os.path.join(directory, "issuer.key")
        subprocess.run(["openssl", "genrsa", "-out", self._key, "2048"], check=True, capture_output=True)
        modulus = subprocess.run(["openssl", "rsa", "-in", self._key, "-noout", "-modulus"], check=True,
                                 capture_output=True, text=True).stdout.split("=")[1].strip()
        self.keys = os.path.join(directory, "keys.json")
        with open(self.keys, "w", encoding="utf-8") as out:
            json.dump({"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "e": "AQAB",
                                 "n": _base64url(bytes.fromhex(modulus))}]}, out)
        self.client_secret = "issuer-secret"
        self.asked = 0
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d/token" % self._server.server_address[1]

    def token(self, subject, seconds=60):
        now = int(time.time())
        claims = {"sub": subject, "iat": now - 5, "exp": now + seconds, "aud": self.AUDIENCE, "scope": "kafka"}
        text = ".".join(_base64url(json.dumps(part).encode())
                        for part in ({"alg": "RS256", "kid": "1", "typ": "JWT"}, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self._key], input=text.encode(), check=True,
                                   capture_output=True).stdout
        return text + "." + _base64url(signature)

    def _handler(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802 (the name is http.server's)
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                issuer.asked += 1
                given = base64.b64decode(self.headers.get("Authorization", "Basic ").split(" ", 1)[1]).decode()
                name, _, secret = (urllib.parse.unquote(part) for part in given.partition(":"))
                right = secret == issuer.client_secret
                body = ({"access_token": issuer.token(name), "token_type": "Bearer", "expires_in": 60} if right
                        else {"error": "invalid_client"})
                text = json.dumps(body).encode()
                self.send_response(200 if right else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        return Handler

    def stop(self):
        self._server.shutdown()
