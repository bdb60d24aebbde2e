"""Certificates of a throw-away authority, made by openssl: one for each thing that can be wrong with one."""

import os
import subprocess


def _openssl(*arguments, text=None):
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError("openssl %s: %s" % (" ".join(arguments), done.stderr.strip()))
    return done.stdout


class Authority:
    """Signs certificates; all files are in one directory, NAME.pem with NAME.key."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        os.makedirs(directory, exist_ok=True)
        self.certificate, self._key = self._path(name + ".pem"), self._path(name + ".key")
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj", "/CN=" + name,
                 "-keyout", self._key, "-out", self.certificate)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def issue(self, name, subject, host=None, expired=False):
        """Makes NAME.pem, NAME.key, and NAME.both.pem with both, which Java's brokers read."""
        key, request, certificate = (self._path(name + end) for end in (".key", ".csr", ".pem"))
        _openssl("req", "-newkey", "rsa:2048", "-noenc", "-subj", subject, "-keyout", key, "-out", request)
        extensions = self._path(name + ".ext")
        with open(extensions, "w", encoding="utf-8") as out:
            out.write("subjectAltName=DNS:%s\n" % host if host else "basicConstraints=CA:FALSE\n")
        validity = ["-days", "2"]
        if expired:
            # The only way that openssl 3.0 has to sign for the past.
            validity = ["-days", "-1"]
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
                 "-extfile", extensions, "-out", certificate, *validity)
        with open(self._path(name + ".both.pem"), "w", encoding="utf-8") as out:
            for part in (key, certificate, self.certificate):
                with open(part, encoding="utf-8") as source:
                    out.write(source.read())
        return certificate, key

    def both(self, name):
        return self._path(name + ".both.pem")
