#!/usr/bin/env python3
"""Shows what a channel says, live, and acknowledges every alert.

    TOKEN=... python3 examples/listen.py http://localhost:8080 CHANNEL_ID...

Needs nothing but Python 3. It is small enough to show how the protocol goes; a real client
uses a WebSocket library and connects again when the connection ends (docs/protocol.md).
"""

import base64
import json
import os
import socket
import ssl
import struct
import sys
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def connect(base, token):
    """Opens the socket of the server at `base`, signed in with a bearer token."""
    url = urlsplit(base)
    port = url.port or (443 if url.scheme == "https" else 80)
    connection = socket.create_connection((url.hostname, port))
    if url.scheme == "https":
        connection = ssl.create_default_context().wrap_socket(connection, server_hostname=url.hostname)
    request = [
        "GET /api/ws HTTP/1.1",
        f"Host: {url.netloc}",
        f"Authorization: Bearer {token}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    ]
    connection.sendall("\r\n".join(request + ["", ""]).encode())
    stream = connection.makefile("rb")
    status = stream.readline().decode().strip()
    while stream.readline().strip():
        pass
    if " 101 " not in status:
        sys.exit(f"the server refused: {status}")
    return connection, stream


def send(connection, opcode, payload):
    """Sends one frame. Clients mask theirs (RFC 6455, section 5.3)."""
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
    else:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
    mask = os.urandom(4)
    connection.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))


def receive(stream):
    """Waits for a frame. Those of the server are whole and not masked."""
    head = stream.read(2)
    if len(head) < 2:
        return CLOSE, b""
    length = head[1]
    if length == 126:
        (length,) = struct.unpack("!H", stream.read(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", stream.read(8))
    return head[0] & 0x0F, stream.read(length)


def main():
    if len(sys.argv) < 2 or "TOKEN" not in os.environ:
        sys.exit(__doc__)
    base, channels = sys.argv[1], sys.argv[2:]
    connection, stream = connect(base, os.environ["TOKEN"])

    def say(frame):
        send(connection, TEXT, json.dumps(frame).encode())
        print(">", json.dumps(frame), flush=True)

    say({"type": "subscribe", "channels": [{"id": channel} for channel in channels]})
    while True:
        opcode, payload = receive(stream)
        if opcode == PING:
            send(connection, PONG, payload)
        elif opcode == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if payload else "no code"
            sys.exit(f"closed: {code} {payload[2:].decode()}")
        elif opcode == TEXT:
            frame = json.loads(payload)
            print("<", json.dumps(frame, ensure_ascii=False), flush=True)
            if frame["type"] == "mention":
                say({"type": "ack", "notifications": [frame["notification"]["id"]]})


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
