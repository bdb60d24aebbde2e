"""A broker with a listener for each way to be secure, and the programs that talk to it."""

import os
import socket
import subprocess
import threading
import time

import certificates
import tokens

LISTENERS = ("PLAINTEXT", "CONTROLLER", "TLS", "MTLS", "SASL", "EXPIRED", "OTHERNAME")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
USER = "app"
PASSWORD = "right-password"


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class World:
    def __init__(self, root, directory, programs):
        self.root, self.directory, self.programs = root, directory, programs
        os.makedirs(directory, exist_ok=True)
        self.ports = dict(zip(LISTENERS, _free_ports(len(LISTENERS))))
        self.authority = certificates.Authority(os.path.join(directory, "ca"), "authority")
        self.stranger = certificates.Authority(os.path.join(directory, "stranger"), "stranger")
        self.authority.issue("broker", "/CN=broker", host="localhost")
        self.authority.issue("broker-expired", "/CN=broker", host="localhost", expired=True)
        self.authority.issue("broker-othername", "/CN=broker", host="elsewhere.example")
        self.client = self.authority.issue("client", "/CN=" + USER)
        self.expired_client = self.authority.issue("client-expired", "/CN=" + USER, expired=True)
        self.strange_client = self.stranger.issue("client", "/CN=" + USER)
        self.issuer = tokens.Issuer(os.path.join(directory, "issuer"))
        self._broker = os.path.join(root, "docker/kafka/broker")
        self._admin = None
        self._asking = threading.Lock()

    # --- the broker ---

    def _settings(self):
        ports, host = self.ports, "localhost"
        listeners = ",".join("%s://127.0.0.1:%d" % (name, port) for name, port in ports.items())
        advertised = ",".join("%s://%s:%d" % (name, "127.0.0.1" if name == "PLAINTEXT" else host, port)
                              for name, port in ports.items() if name != "CONTROLLER")
        settings = {
            "listeners": listeners,
            "advertised.listeners": advertised,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,MTLS:SSL,SASL:SASL_SSL,"
                                              "EXPIRED:SSL,OTHERNAME:SSL",
            "inter.broker.listener.name": "PLAINTEXT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "ssl.principal.mapping.rules": "RULE:^CN=([a-z]+).*$/$1/,DEFAULT",
            "sasl.oauthbearer.jwks.endpoint.url": "file://" + self.issuer.keys,
            "sasl.oauthbearer.expected.audience": self.issuer.AUDIENCE,
        }
        stores = {"tls": "broker", "mtls": "broker", "sasl": "broker", "expired": "broker-expired",
                  "othername": "broker-othername"}
        for listener, name in stores.items():
            settings.update({
                "listener.name.%s.ssl.keystore.type" % listener: "PEM",
                "listener.name.%s.ssl.keystore.location" % listener: self.authority.both(name),
                "listener.name.%s.ssl.truststore.type" % listener: "PEM",
                "listener.name.%s.ssl.truststore.location" % listener: self.authority.certificate,
                "listener.name.%s.ssl.client.auth" % listener: "required" if listener == "mtls" else "none",
            })
        modules = "org.apache.kafka.common.security."
        settings["listener.name.sasl.sasl.enabled.mechanisms"] = ",".join(SASL_MECHANISMS)
        settings["listener.name.sasl.plain.sasl.jaas.config"] = (
            modules + 'plain.PlainLoginModule required user_%s="%s";' % (USER, PASSWORD))
        for mechanism in ("scram-sha-256", "scram-sha-512"):
            settings["listener.name.sasl.%s.sasl.jaas.config" % mechanism] = modules + "scram.ScramLoginModule required;"
        oauth = "listener.name.sasl.oauthbearer.sasl."
        settings[oauth + "jaas.config"] = modules + "oauthbearer.OAuthBearerLoginModule required;"
        settings[oauth + "server.callback.handler.class"] = modules + "oauthbearer.OAuthBearerValidatorCallbackHandler"
        return settings

    def start(self):
        url = "file://" + self.issuer.keys
        allowed = ("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=%s "
                   "-Dorg.apache.kafka.sasl.oauthbearer.allowed.files=%s" % (url, self.issuer.keys))
        command = [self._broker, "start", "--dir=" + self._data, "--port=%d" % self.ports["PLAINTEXT"], "--heap=512m",
                   "--voters=1@127.0.0.1:%d" % self.ports["CONTROLLER"], "--cluster_id=Mz0fWkqhQ2C1Sv7LrXo9Bg"]
        command += ["--set=%s=%s" % setting for setting in self._settings().items()]
        started = subprocess.run(command, env=dict(os.environ, JAVA_TOOL_OPTIONS=allowed), capture_output=True,
                                 text=True, check=False)
        if started.returncode != 0:
            raise RuntimeError("the broker did not start:\n" + started.stderr)
        jars = self._jars(started)
        self._admin = subprocess.Popen(
            ["java", "-Dlog4j2.level=ERROR", "-cp", jars + "/*", os.path.join(self.root, "tests/security/ClusterAdmin.java"),
             self.bootstrap("PLAINTEXT")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True)

    @property
    def _data(self):
        return os.path.join(self.directory, "broker")

    def _jars(self, started):
        pid = [line for line in started.stdout.splitlines() if line.startswith("pid=")][0][4:]
        with open("/proc/%s/cmdline" % pid, encoding="utf-8") as source:
            words = source.read().split("\0")
        return words[words.index("-cp") + 1].split(":")[0]

    def stop(self):
        self.issuer.stop()
        if self._admin is not None:
            self._admin.stdin.close()
            self._admin.wait(20)
        subprocess.run([self._broker, "stop", "--dir=" + self._data], check=False)

    def admin(self, *words):
        with self._asking:
            self._admin.stdin.write(" ".join(words) + "\n")
            self._admin.stdin.flush()
            answer = self._admin.stdout.readline().strip()
        if answer != "ok":
            raise RuntimeError("%s: %s" % (" ".join(words), answer))

    def bootstrap(self, listener):
        return "%s:%d" % ("127.0.0.1" if listener == "PLAINTEXT" else "localhost", self.ports[listener])

    # --- programs ---

    def pod(self, name, listener, environment, patience=30, program="order_totals"):
        """Starts an application of its own topics over that listener; it waits so many seconds for its brokers."""
        command = [self.programs[program], "--bootstrap_servers=" + self.bootstrap(listener),
                   "--application_id=" + name, "--input_topic=%s-in" % name, "--output_topic=%s-out" % name,
                   "--dead_letter_topic=%s-dlq" % name, "--state_dir=" + os.path.join(self.directory, "state-" + name),
                   "--instance_id=a", "--session_timeout=3s", "--start_timeout=%ds" % patience,
                   "--commit_interval=50ms"]
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("KAFKA_", "ONCE_"))}
        # Names that are resolved to an address of IPv6 as well cost each attempt another one.
        clean.update({"KAFKA_BROKER_ADDRESS_FAMILY": "v4"}, **environment)
        return Pod(command, clean, os.path.join(self.directory, "%s-%d.log" % (name, time.monotonic_ns())))

    def topics(self, name):
        for end in ("in", "out", "dlq"):
            self.admin("topic", "%s-%s" % (name, end), "2")

    def rights(self, name):
        """Those of docs/deploy.md, as arguments of grant and revoke."""
        rows = [("TRANSACTIONAL_ID", name + "-", "PREFIXED", "WRITE"),
                ("TRANSACTIONAL_ID", name + "-", "PREFIXED", "DESCRIBE"), ("GROUP", name, "LITERAL", "READ"),
                ("TOPIC", name + "-in", "LITERAL", "READ"), ("TOPIC", name + "-out", "LITERAL", "WRITE"),
                ("TOPIC", name + "-dlq", "LITERAL", "WRITE")]
        # Topics of the application's own have names of their own here, which do not begin as those above.
        rows += [("TOPIC", name + "-orders-", "PREFIXED", operation) for operation in ("READ", "WRITE", "CREATE")]
        rows += [("TOPIC", name + "-" + end, "LITERAL", "DESCRIBE_CONFIGS") for end in ("in", "out", "dlq")]
        rows.append(("TOPIC", name + "-orders-", "PREFIXED", "DESCRIBE_CONFIGS"))
        return rows

    def generate(self, name, orders=2000, start=0):
        self._tool("order_generator", "--bootstrap_servers=" + self.bootstrap("PLAINTEXT"), "--topic=%s-in" % name,
                   "--orders=%d" % orders, "--start_index=%d" % start, "--seed=7")

    def verify(self, name, wait=40):
        """The verifier's words if it finds anything wrong, else nothing."""
        return self._tool("order_verifier", "--bootstrap_servers=" + self.bootstrap("PLAINTEXT"),
                          "--application_id=" + name, "--input_topic=%s-in" % name, "--output_topic=%s-out" % name,
                          "--dead_letter_topic=%s-dlq" % name, "--wait=%ds" % wait, may_fail=True)

    def _tool(self, program, *flags, may_fail=False):
        done = subprocess.run([self.programs[program], *flags], capture_output=True, text=True, check=False)
        if done.returncode != 0 and not may_fail:
            raise RuntimeError("%s: %s" % (program, done.stdout + done.stderr))
        return "" if done.returncode == 0 else done.stdout + done.stderr


class Pod:
    def __init__(self, command, environment, log_path):
        self._log_path = log_path
        with open(log_path, "wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self):
        with open(self._log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait(self, seconds):
        """Its exit code, or None if it runs after that time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def says(self, text, seconds):
        return self.finds(lambda log: text in log, seconds)

    def finds(self, condition, seconds):
        """Whether its log comes to be as the condition wants it, before it ends."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended = self._process.poll() is not None
            if condition(self.log()):
                return True
            if ended:
                return False
            time.sleep(0.1)
        return False

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            if self.wait(30) is None:
                self._process.kill()
                self._process.wait()
        return self._process.returncode
