"""Something that speaks as S3, on this machine, with a bucket `claims` and credentials that it checks; called by run.

  s3_server.py --dir=DIR [--minio=PROGRAM]

starts moto's server, or MinIO's, writes DIR/credentials (profiles `default`, and `wrong`, whose secret is not that of its
key), prints its URL, and serves until its input ends.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

BUCKET = "claims"


def free_port():
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return each.getsockname()[1]


def wait_for(url):
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("nothing answers at " + url)


def client(service, url, key, secret):
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=key,
                        aws_secret_access_key=secret, config=Config(s3={"addressing_style": "path"}))


def write_credentials(directory, key, secret):
    path = os.path.join(directory, "credentials")
    with open(path, "w", encoding="utf-8") as file:
        os.chmod(path, 0o600)
        for profile, each in (("default", secret), ("wrong", "not-the-secret-" + "x" * 25)):
            file.write("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n\n" % (profile, key, each))


def start_moto(directory):
    """The four requests that make what is needed need no rights; from then on signatures are checked against the secret."""
    os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"  # Read as it is imported.
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    url = "http://%s:%d" % server.get_host_and_port()
    client("s3", url, "any", "any").create_bucket(Bucket=BUCKET)
    iam = client("iam", url, "any", "any")
    iam.create_user(UserName="app")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="app", PolicyName="all", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName="app")["AccessKey"]
    write_credentials(directory, made["AccessKeyId"], made["SecretAccessKey"])
    return url, server.stop


def start_minio(directory, program):
    key, secret = "once-test", "once-test-secret"
    url = "http://127.0.0.1:%d" % free_port()
    data = os.path.join(directory, "minio")
    os.makedirs(data)
    log = open(os.path.join(directory, "minio.log"), "wb")
    process = subprocess.Popen([program, "server", "--address", url[len("http://"):], "--console-address",
                                "127.0.0.1:%d" % free_port(), data], stdout=log, stderr=log,
                               env=dict(os.environ, MINIO_ROOT_USER=key, MINIO_ROOT_PASSWORD=secret, HOME=directory))
    wait_for(url + "/minio/health/live")
    client("s3", url, key, secret).create_bucket(Bucket=BUCKET)
    write_credentials(directory, key, secret)

    def stop():
        process.terminate()
        process.wait(20)
    return url, stop


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--dir", required=True)
    parser.add_argument("--minio")
    options = parser.parse_args()
    url, stop = start_minio(options.dir, options.minio) if options.minio else start_moto(options.dir)
    print(url, flush=True)
    sys.stdin.read()
    stop()


if __name__ == "__main__":
    main()
