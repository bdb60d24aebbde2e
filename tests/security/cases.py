"""Each mechanism, right and with each thing that can be wrong with it."""

import concurrent.futures
import dataclasses
import os

import world

# What the table's columns are called, in their order.
COLUMNS = ("right", "wrong secret", "expired certificate", "wrong host name", "unknown authority", "no client certificate",
           "its own certificate expired", "secret changed while running")

# How long a start may take that cannot succeed: it is to end, not to be tried for ever.
FAILS_WITHIN_S = 60


@dataclasses.dataclass
class Mechanism:
    name: str
    listener: str
    settings: dict  # Environment of a pod that is right.
    program: str = "order_totals"


class Cases:
    def __init__(self, the_world):
        self._world = the_world
        self.results = {}  # (mechanism, column): "" if it is as it should be, else what is not.

    def _path(self, name, text):
        path = os.path.join(self._world.directory, name)
        # As a secret's file is replaced by those who care: in one step.
        with open(path + ".new", "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(path + ".new", path)
        return path

    def mechanisms(self, with_oidc):
        authority = {"KAFKA_SSL_CA_LOCATION": self._world.authority.certificate}
        certificate, key = self._world.client
        yield Mechanism("TLS", "TLS", dict(authority, KAFKA_SECURITY_PROTOCOL="SSL"))
        yield Mechanism("mTLS", "MTLS", dict(authority, KAFKA_SECURITY_PROTOCOL="SSL",
                                             KAFKA_SSL_CERTIFICATE_LOCATION=certificate, KAFKA_SSL_KEY_LOCATION=key))
        yield Mechanism("TLS, not verified", "OTHERNAME", {
            "KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_LOCATION": self._world.stranger.certificate,
            "KAFKA_ENABLE_SSL_CERTIFICATE_VERIFICATION": "False"})
        sasl = dict(authority, KAFKA_SECURITY_PROTOCOL="SASL_SSL")
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            secret = self._path("%s.secret" % mechanism, world.PASSWORD + "\n")
            yield Mechanism("SASL_SSL " + mechanism, "SASL",
                            dict(sasl, KAFKA_SASL_MECHANISM=mechanism, KAFKA_SASL_USERNAME=world.USER,
                                 KAFKA_SASL_PASSWORD_FILE=secret))
        token = self._path("token", "%s 900 %s\n" % (world.USER, self._world.issuer.token(world.USER, 900)))
        yield Mechanism("SASL_SSL OAUTHBEARER, callback", "SASL",
                        dict(sasl, KAFKA_SASL_MECHANISM="OAUTHBEARER", TOKEN_FILE=token), program="token_app")
        if with_oidc:
            secret = self._path("oidc.secret", self._world.issuer.client_secret)
            yield Mechanism("SASL_SSL OAUTHBEARER, OIDC", "SASL",
                            dict(sasl, KAFKA_SASL_MECHANISM="OAUTHBEARER", KAFKA_SASL_OAUTHBEARER_METHOD="oidc",
                                 KAFKA_SASL_OAUTHBEARER_CLIENT_ID=world.USER,
                                 KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET_FILE=secret,
                                 KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL=self._world.issuer.url))

    # --- one case ---

    def right(self, mechanism):
        """Everything comes out exactly once, with the rights of docs/deploy.md and no other."""
        name = self._name(mechanism)
        self._world.topics(name)
        for row in self._world.rights(name):
            self._world.admin("grant", world.USER, *row)
        self._world.generate(name)
        pod = self._world.pod(name, mechanism.listener, mechanism.settings, program=mechanism.program)
        wrong = self._world.verify(name)
        code = pod.stop()
        if wrong:
            return wrong + pod.log()
        complains = "SSLCERTVRFY" in pod.log()
        return "" if code == 0 and not complains else "exit code %s: %s" % (code, pod.log())

    def fails(self, mechanism, column, changes, expected, listener=None):
        """A start ends with exit code 1, and names the cause and what to do."""
        settings = {name: value for name, value in dict(mechanism.settings, **changes).items() if value is not None}
        name = "%s-%s" % (self._name(mechanism), column.replace(" ", "-"))
        pod = self._world.pod(name, listener or mechanism.listener, settings, patience=5, program=mechanism.program)
        code = pod.wait(FAILS_WITHIN_S)
        log = pod.log()
        pod.stop()
        if code != 1:
            return "exit code %s: %s" % (code, log)
        missing = [text for text in expected if text not in log]
        leaked = [text for text in ("wrong-password", world.PASSWORD) if text in log]
        if missing or leaked:
            return "without %s, with %s: %s" % (missing, leaked, log)
        return ""

    def changed(self, mechanism):
        """The broker's password is another one, then the file's is: a pod that runs goes on by itself."""
        name = self._name(mechanism) + "-changed"
        user, kind = name, mechanism.settings["KAFKA_SASL_MECHANISM"]
        self._world.topics(name)
        for row in self._world.rights(name):
            self._world.admin("grant", user, *row)
        self._world.admin("scram", user, kind, "first-password")
        secret = self._path(name + ".secret", "first-password")
        settings = dict(mechanism.settings, KAFKA_SASL_USERNAME=user, KAFKA_SASL_PASSWORD_FILE=secret,
                        KAFKA_CONNECTIONS_MAX_IDLE_MS="2000")
        self._world.generate(name, orders=500)
        pod = self._world.pod(name, mechanism.listener, settings)
        wrong = self._world.verify(name)
        self._world.admin("scram", user, kind, "second-password")
        # Connections that are idle are closed by the client, and made anew: with the password that is no longer right.
        self._world.generate(name, orders=100, start=500)
        told = not wrong and pod.says("uthentication failed", 40)
        self._path(name + ".secret", "second-password\n")
        healed = told and pod.says("new Kafka credentials from files", 20)
        self._world.generate(name, orders=500, start=600)
        wrong = wrong or self._world.verify(name)
        running = pod.wait(0) is None
        code = pod.stop()
        if wrong or not told or not healed or not running or code != 0:
            return "told %s, healed %s, running %s, exit code %s: %s%s" % (told, healed, running, code, wrong, pod.log())
        return ""

    # --- all of them ---

    def run(self, with_oidc):
        for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            self._world.admin("scram", world.USER, kind, world.PASSWORD)
        mechanisms = list(self.mechanisms(with_oidc))
        for mechanism in mechanisms:
            self._note(mechanism, "right", self.right(mechanism))
        with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
            waiting = [(mechanism, case[0], pool.submit(self.fails, mechanism, *case))
                       for mechanism in mechanisms for case in self._failures(mechanism)]
            for mechanism, column, future in waiting:
                self._note(mechanism, column, future.result())
        for mechanism in mechanisms:
            if mechanism.name.startswith("SASL_SSL SCRAM"):
                self._note(mechanism, "secret changed while running", self.changed(mechanism))
        return mechanisms

    def _failures(self, mechanism):
        """(column, changes of the environment, what the log must say, listener)"""
        if mechanism.name == "TLS, not verified":
            return
        yield "unknown authority", {"KAFKA_SSL_CA_LOCATION": self._world.stranger.certificate}, (
            "signed by nobody that this client knows", "ssl.ca.location"), None
        yield "expired certificate", {}, ("certificate has expired", "renew it"), "EXPIRED"
        yield "wrong host name", {}, ("for another host name", "advertised.listeners"), "OTHERNAME"
        if mechanism.name == "mTLS":
            yield "no client certificate", {"KAFKA_SSL_CERTIFICATE_LOCATION": None, "KAFKA_SSL_KEY_LOCATION": None}, (
                "asks for a certificate of the client's", "ssl.certificate.location"), None
            certificate, key = self._world.expired_client
            yield "its own certificate expired", {"KAFKA_SSL_CERTIFICATE_LOCATION": certificate,
                                                  "KAFKA_SSL_KEY_LOCATION": key}, (
                "refuses this client's certificate", "ssl.certificate.location"), None
            certificate, key = self._world.strange_client
            yield "wrong secret", {"KAFKA_SSL_CERTIFICATE_LOCATION": certificate, "KAFKA_SSL_KEY_LOCATION": key}, (
                "refuses this client's certificate", "ssl.certificate.location"), None
        refused = ("refuse the credentials", "correct the credentials")
        if "KAFKA_SASL_PASSWORD_FILE" in mechanism.settings:
            wrong = self._path(self._name(mechanism) + ".wrong", "wrong-password")
            yield "wrong secret", {"KAFKA_SASL_PASSWORD_FILE": wrong}, refused, None
        if "TOKEN_FILE" in mechanism.settings:
            wrong = self._path("token.wrong", "%s 60 %s\n" % (world.USER, "a.wrong.token"))
            yield "wrong secret", {"TOKEN_FILE": wrong}, refused, None
        if "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET_FILE" in mechanism.settings:
            wrong = self._path("oidc.wrong", "wrong-password")
            yield "wrong secret", {"KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET_FILE": wrong}, (
                "there is no OAUTHBEARER token", "invalid_client", "correct sasl.oauthbearer.*"), None

    def _note(self, mechanism, column, result):
        self.results[(mechanism.name, column)] = result
        print("%-32s %-30s %s" % (mechanism.name, column, "ok" if not result else "FAILED: " + result), flush=True)

    @staticmethod
    def _name(mechanism):
        return mechanism.name.lower().replace("sasl_ssl ", "").replace(", ", "-").replace(" ", "-")
