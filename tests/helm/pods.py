"""Processes as pods: what the chart's objects say of them is what they get, by the same signals and in the same time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import golang

sys.path.insert(0, os.path.join(os.path.dirname(golang.HERE), "chaos"))

import processes  # noqa: E402  (tests/chaos has it)

# Scheduling, attaching the volume, pulling nothing: what a cluster adds to a start.
PLACING_S = 2
RESTART_S = 1


def render(values):
    """The chart's objects for these values."""
    rendered = subprocess.run(["go", "run", "./render"], cwd=golang.HERE, env=golang.prepare(), input=json.dumps(values),
                              capture_output=True, text=True, check=False)
    if rendered.returncode != 0:
        raise RuntimeError("the chart cannot be rendered: " + rendered.stderr[-2000:])
    return json.loads(rendered.stdout)


class Pod:
    """One name: its volume, and the container that runs while it should."""

    def __init__(self, name, template, program, work):
        self.name = name
        self._spec = template["spec"]
        self._container = self._spec["containers"][0]
        self._program = program
        self._volume = os.path.join(work, "volume-" + name)
        self._log = os.path.join(work, "log", name + ".log")
        self._process = None
        os.makedirs(self._volume, exist_ok=True)

    def _environment(self):
        """Only what the object says, paths below the state's mount being in the volume."""
        mount = next(each["mountPath"] for each in self._container["volumeMounts"] if each["name"] == "state")
        variables = {}
        for variable in self._container["env"]:
            value = variable.get("value", "")
            if variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath") == "metadata.name":
                value = self.name
            variables[variable["name"]] = value.replace(mount, self._volume) if value.startswith(mount) else value
        return variables

    def start(self):
        command = ["env", "-i"] + ["%s=%s" % each for each in self._environment().items()] + [self._program]
        self._process = processes.Process(command, self._log)

    def running(self):
        return self._process is not None and self._process.running()

    def delete(self):
        """As a kubelet does: TERM, and KILL when the grace period is over. Its exit code and how long it took."""
        process, began = self._process, time.monotonic()
        self._process = None
        process.signal(signal.SIGTERM)
        code = process.wait(self._spec["terminationGracePeriodSeconds"])
        if code is None:
            process.kill()
        return code, time.monotonic() - began

    def lose(self):
        """With its node."""
        process, self._process = self._process, None
        process.kill()

    def lose_volume(self):
        shutil.rmtree(self._volume)
        os.makedirs(self._volume)

    def ended(self):
        """Its exit code if it has ended by itself."""
        return None if self._process is None else self._process.code()

    def tail(self):
        return self._process.tail(3) if self._process else ""


class StatefulSet:
    """What the controller of that name does with its pods. One thread changes the count; another restarts what ends."""

    def __init__(self, manifest, program, work):
        self.pods = []
        self.spec = manifest["spec"]
        self.name = manifest["metadata"]["name"]
        self.unexpected = []
        self._program, self._work = program, work
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self):
        """restartPolicy Always."""
        while not self._stopping.wait(RESTART_S):
            with self._lock:
                for pod in self.pods:
                    code = pod.ended()
                    if code is not None:
                        self.unexpected.append("%s ended by itself, code %s: %s" % (pod.name, code, pod.tail()))
                        pod.start()

    def _each(self, pods, action):
        threads = [threading.Thread(target=action, args=(pod,)) for pod in pods]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def scale(self, count):
        """All at once, as podManagementPolicy Parallel has it: the highest numbers go."""
        with self._lock:
            gone, self.pods = self.pods[count:], self.pods[:count]
        self._each(gone, self._delete)
        if len(self.pods) < count:
            time.sleep(PLACING_S)
        with self._lock:
            for number in range(len(self.pods), count):
                pod = Pod("%s-%d" % (self.name, number), self.spec["template"], self._program, self._work)
                pod.start()
                self.pods.append(pod)

    def _delete(self, pod):
        code, seconds = pod.delete()
        if code != 0:
            self.unexpected.append("%s: exit code %s after TERM and %.1f s" % (pod.name, code, seconds))

    def roll(self):
        """A new version: one pod after the other, the highest number first; the next when this one has been ready for
        minReadySeconds."""
        for pod in reversed(self.pods):
            self.move(pod)
            time.sleep(self.spec["minReadySeconds"])

    def move(self, pod, placing_s=PLACING_S):
        """The pod is deleted and comes again under its name, with its volume."""
        self._delete(pod)
        time.sleep(placing_s)
        with self._lock:
            pod.start()

    def stop(self):
        self._stopping.set()
        self.scale(0)
