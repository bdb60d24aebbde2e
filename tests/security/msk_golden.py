#!/usr/bin/env python3
"""Prints the golden values of tests/main/msk_iam_test.cc, made by botocore with a fixed clock.

Wants botocore (`pip install botocore`); run it again when what is signed changes.
"""

import datetime
import unittest.mock
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5)
CASES = (("eu-central-1", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, 900),
         ("us-east-1", "ASIAEXAMPLE", "secret", "a/token+with=signs and blanks~", 60))


class Clock(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW

    @classmethod
    def now(cls, tz=None):
        return NOW if tz is None else NOW.replace(tzinfo=tz)


def signed(region, key, secret, token, seconds):
    request = botocore.awsrequest.AWSRequest(method="GET", url="https://kafka.%s.amazonaws.com/" % region,
                                             params={"Action": "kafka-cluster:Connect"})
    credentials = botocore.credentials.Credentials(key, secret, token)
    with unittest.mock.patch("datetime.datetime", Clock), \
            unittest.mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: NOW, create=True):
        botocore.auth.SigV4QueryAuth(credentials, "kafka-cluster", region, expires=seconds).add_auth(request)
    return request.url


def main():
    for case in CASES:
        start, query = signed(*case).split("?")
        # In the order in which they are signed; a URL may have them in any.
        pairs = sorted(pair for pair in query.split("&") if not pair.startswith("X-Amz-Signature="))
        signature = urllib.parse.parse_qs(query)["X-Amz-Signature"][0]
        print("%s?%s&X-Amz-Signature=%s&User-Agent=once\n" % (start, "&".join(pairs), signature))


if __name__ == "__main__":
    main()
