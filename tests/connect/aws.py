"""Queues and topics of an AWS on this machine, with orders in and totals out. Runs in moto's own Python environment."""

import base64

import boto3

REGION = "eu-central-1"
ORDERS, TOTALS, FROM_SNS, SNS = "orders", "totals", "totals-from-sns", "totals"


def _varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _text(field, text):
    data = text.encode()
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def order(order_id, customer, cents):
    """orders.v1.OrderPlaced."""
    return _text(1, order_id) + _text(2, customer) + _varint(3 << 3) + _varint(cents)


def _read_varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return number, at


def total(data):
    """(customer, orders, cents) of an orders.v1.CustomerTotal."""
    fields, at = {1: b"", 2: 0, 3: 0}, 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, at = _read_varint(data, at)
        if tag & 7 == 2:
            fields[tag >> 3], at = data[at:at + number], at + number
        else:
            fields[tag >> 3] = number
    return fields[1].decode(), fields[2], fields[3]


class Aws:
    def __init__(self, endpoint):
        settings = {"endpoint_url": endpoint, "region_name": REGION, "aws_access_key_id": "test",
                    "aws_secret_access_key": "test"}
        self._sqs, sns = boto3.client("sqs", **settings), boto3.client("sns", **settings)
        self._urls = {name: self._sqs.create_queue(QueueName=name)["QueueUrl"] for name in (ORDERS, TOTALS, FROM_SNS)}
        arn = self._sqs.get_queue_attributes(QueueUrl=self._urls[FROM_SNS],
                                             AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=sns.create_topic(Name=SNS)["TopicArn"], Protocol="sqs", Endpoint=arn,
                      Attributes={"RawMessageDelivery": "true"})

    def put(self, body, attributes):
        """SQS's ID of the message."""
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        sent = self._sqs.send_message(QueueUrl=self._urls[ORDERS], MessageBody=body, MessageAttributes=typed)
        return sent["MessageId"]

    def put_order(self, event_id, customer, cents):
        self.put(base64.b64encode(order(event_id, customer, cents)).decode(),
                 {"ce_id": event_id, "ce_type": "orders.v1.OrderPlaced", "key": customer})

    def waiting(self):
        """Orders that are in the queue, hidden ones as well."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._urls[ORDERS], AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def totals(self, queue):
        """Takes out what there is: [(event ID, (customer, orders, cents))]."""
        found = []
        while True:
            answer = self._sqs.receive_message(QueueUrl=self._urls[queue], MaxNumberOfMessages=10,
                                               MessageAttributeNames=["All"])
            messages = answer.get("Messages", [])
            for each in messages:
                event_id = each.get("MessageAttributes", {}).get("ce_id", {}).get("StringValue")
                found.append((event_id, total(base64.b64decode(each["Body"]))))
                self._sqs.delete_message(QueueUrl=self._urls[queue], ReceiptHandle=each["ReceiptHandle"])
            if not messages:
                return found
