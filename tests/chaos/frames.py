"""As much of Kafka's protocol as the proxy must read: who sends which request, and what the answer's error is."""

import dataclasses
import struct

PRODUCE, INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT = 0, 22, 24, 25, 26, 28

# From these versions on requests have tagged fields and compact strings.
_FLEXIBLE_FROM = {PRODUCE: 9, INIT_PRODUCER_ID: 2, ADD_PARTITIONS: 3, ADD_OFFSETS: 3, END_TXN: 3, TXN_OFFSET_COMMIT: 3}


@dataclasses.dataclass
class Request:
    """A request that belongs to transactions; the transactional id is the first field of all of them."""

    api: int
    version: int
    correlation: int
    transactional_id: str

    @property
    def flexible(self):
        return self.version >= _FLEXIBLE_FROM[self.api]


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _skip_tags(data, at):
    count, at = _varint(data, at)
    for _ in range(count):
        _, at = _varint(data, at)
        size, at = _varint(data, at)
        at += size
    return at


def _string(data, at, compact):
    """(text or "", position behind it)"""
    if compact:
        size, at = _varint(data, at)
        size -= 1
    else:
        (size,) = struct.unpack_from(">h", data, at)
        at += 2
    if size <= 0:
        return "", at
    return data[at:at + size].decode(errors="replace"), at + size


def decode_request(data):
    """The Request in a frame without its length; None if it is of no interest here."""
    api, version, correlation = struct.unpack_from(">hhi", data)
    if api not in _FLEXIBLE_FROM:
        return None
    request = Request(api, version, correlation, "")
    _, at = _string(data, 8, False)  # The client id is never compact.
    if request.flexible:
        at = _skip_tags(data, at)
    request.transactional_id, _ = _string(data, at, request.flexible)
    return request if request.transactional_id else None


def correlation_of(data):
    return struct.unpack_from(">i", data)[0]


def decode_error(request, data):
    """The error code in the answer to an EndTxn or a TxnOffsetCommit (there: of its first partition)."""
    at = _skip_tags(data, 4) if request.flexible else 4
    at += 4  # Throttle time.
    if request.api == TXN_OFFSET_COMMIT:
        at = _skip_count(data, at, request.flexible)
        _, at = _string(data, at, request.flexible)
        at = _skip_count(data, at, request.flexible)
        at += 4  # Partition.
    return struct.unpack_from(">h", data, at)[0]


def _skip_count(data, at, compact):
    return _varint(data, at)[1] if compact else at + 4
