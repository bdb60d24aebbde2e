"""A door before a server of this machine, which can be shut: then connections break, and new ones are refused."""

import contextlib
import socket
import threading


class Gate:
    def __init__(self, behind):
        self._behind = behind
        self._lock = threading.Lock()
        self._sockets = []
        self._listener = None
        self.port = 0
        self.open()

    def open(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self):
        with self._lock:
            # A thread in accept keeps the port until its socket is shut down.
            for each in [self._listener, *self._sockets]:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
            self._sockets = []

    def _accept(self, listener):
        while True:
            try:
                outer, _ = listener.accept()
                inner = socket.create_connection(("127.0.0.1", self._behind))
            except OSError:
                return
            with self._lock:
                self._sockets += [outer, inner]
            for pair in ((outer, inner), (inner, outer)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
