"""The run's own Kafka: one node, or three of one cluster, through docker/kafka/broker.

Each node listens twice: for the tools directly, and for pods at an address that is the proxy's, so that the proxy sees
what pods send without rewriting anything. There they have a name, so that rights can be taken away from them alone.
"""

import os
import random
import shutil
import subprocess
import threading

import network

_CLUSTER_ID = "Mz0fWkqhQ2C1Sv7LrXo9Bg"
_START_LIMIT_S = 150

# Kafka 4.3 loses what chaos is to check (KAFKA-20734): while a partition has no leader, as in the first moment after a
# broker's start, the transaction coordinator leaves out its marker and calls the transaction complete.
KAFKA = "--kafka=4.1.1"

# Whom pods are to the brokers, and their password, too. All others are nobody, who may do everything.
PODS_USER = "pods"
_LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_%s="%s";' % (PODS_USER, PODS_USER)


class Broker:
    """One node. Not for several threads at once."""

    def __init__(self, script, work, number, place, ports):
        self.number = number
        self.place = place
        self.port, self.controller_port, self.inner_port, self.proxy_port = ports
        self.dir = os.path.join(work, "broker-%d" % number)
        self._log = os.path.join(work, "log", "broker-%d.log" % number)
        self._script = script
        self._restarts = 0

    @property
    def address(self):
        return "%s:%d" % (self.place.address, self.port)

    @property
    def voter(self):
        return "%d@%s:%d" % (self.number, self.place.address, self.controller_port)

    def _run(self, *arguments):
        with open(self._log, "ab") as log:
            done = subprocess.run(self.place.prefix + [self._script, *arguments, "--dir=" + self.dir], stdout=log,
                                  stderr=log, stdin=subprocess.DEVNULL, timeout=_START_LIMIT_S, check=False)
        if done.returncode != 0:
            raise RuntimeError("docker/kafka/broker %s failed: see %s" % (arguments[0], self._log))

    def create(self, voters, proxy_host):
        host = self.place.address
        listeners = "PLAINTEXT://%s:%d,PODS://%s:%d" % (host, self.port, host, self.inner_port)
        self._run("start", KAFKA, "--host=" + host, "--port=%d" % self.port, "--node=%d" % self.number, "--heap=512m",
                  "--voters=" + ",".join(voters), "--cluster_id=" + _CLUSTER_ID,
                  "--set=listeners=%s,CONTROLLER://%s:%d" % (listeners, host, self.controller_port),
                  "--set=advertised.listeners=PLAINTEXT://%s,PODS://%s:%d" % (self.address, proxy_host, self.proxy_port),
                  "--set=listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PODS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
                  "--set=listener.name.pods.sasl.enabled.mechanisms=PLAIN",
                  "--set=listener.name.pods.plain.sasl.jaas.config=" + _LOGIN,
                  "--set=authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                  "--set=allow.everyone.if.no.acl.found=true", "--set=super.users=User:ANONYMOUS",
                  "--set=replica.lag.time.max.ms=5000",
                  # Soon compacted, so that a coordinator is loaded in no time. In Kafka 4.1 a group coordinator that is
                  # loaded for seconds while its partition's leader epoch moves on may take offsets for pending for ever.
                  "--set=offsets.topic.segment.bytes=1048576",
                  "--set=transaction.state.log.segment.bytes=1048576",
                  "--set=unclean.leader.election.enable=false")

    def kill(self):
        self._run("kill")

    def signal(self, number):
        """To its process, if it runs."""
        try:
            with open(os.path.join(self.dir, "broker.pid"), encoding="utf-8") as file:
                os.kill(int(file.read().split()[0]), number)
        except (FileNotFoundError, ProcessLookupError):
            pass

    def stop(self):
        self._run("stop", "--keep")

    def restart(self):
        """Its former log is kept: the script begins a new one."""
        self._restarts += 1
        shutil.copy(os.path.join(self.dir, "logs", "server.log"), "%s.%03d" % (self._log, self._restarts))
        self._run("start", KAFKA)


class Cluster:
    """All nodes."""

    def __init__(self, script, work, nodes, isolated):
        self.proxy_host = network.HUB if isolated else "127.0.0.1"
        self.brokers = []
        for number in range(1, nodes + 1):
            place = network.Place("broker-%d" % number, number) if isolated else network.LocalPlace()
            base = 9090 + 10 * number if isolated else random.SystemRandom().randrange(12000, 30000, 10)
            self.brokers.append(Broker(script, work, number, place, (base + 2, base + 3, base + 4, base + 5)))

    @property
    def bootstrap(self):
        return ",".join(broker.address for broker in self.brokers)

    @property
    def pod_bootstrap(self):
        return ",".join("%s:%d" % (self.proxy_host, broker.proxy_port) for broker in self.brokers)

    def start(self):
        voters = [broker.voter for broker in self.brokers]
        together([lambda b=broker: b.create(voters, self.proxy_host) for broker in self.brokers])

    def stop(self):
        together([broker.kill for broker in self.brokers])


def together(calls):
    """Makes all calls at once; raises the first error."""
    errors = []

    def run(call):
        try:
            call()
        except Exception as error:  # Shown by the caller's thread.
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
