"""An LDAP server between Bindback and OpenLDAP that wants to do harm: it passes on what both say, until it is told to lie.

    hostile.py LISTEN-ADDRESS PORT SERVER-PORT FOLDER

FOLDER has the certificate and the key to show (server.pem, server.key) and the file `lie`, which names what is done to the
answers of OpenLDAP from now on; it is read anew for each answer.
"""

import itertools
import pathlib
import socket
import ssl
import sys
import threading
import time

address, port, behind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
folder = pathlib.Path(sys.argv[4])


def lie():
    return (folder / "lie").read_text().strip()


def length(count):
    if count < 128:
        return bytes([count])
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def element(tag, *parts):
    content = b"".join(parts)
    return bytes([tag]) + length(len(content)) + content


def number(value):
    return element(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def text(value):
    return element(4, value.encode() if isinstance(value, str) else value)


def entry(message, name, attributes):
    fields = [element(0x30, text(key), element(0x31, *map(text, values))) for key, values in attributes]
    return element(0x30, number(message), element(0x64, text(name), element(0x30, *fields)))


def result(message, operation, code, words, *more):
    fields = element(0x0A, bytes([code])), text(""), text(words), *more
    return element(0x30, number(message), element(operation, *fields))


BELOW = "CN=Configuration,dc=proof,dc=test"


def children():
    return (f"CN=child-{count},{BELOW}" for count in itertools.count())


def everlasting(message):
    for name in children():
        yield entry(message, name, [("bindbackClass", ["container"])])


def values(message):
    octets = entry(message, f"CN=child,{BELOW}", [("bindbackMember", [""] * 90_000)])
    while True:
        yield octets


def trickle(message):
    yield b"\x30\x84\x00\x0f\xff\xff"
    while True:
        time.sleep(0.2)
        yield b"\x00"


def references(message):
    here = f"ldaps://{address}:{port}/{BELOW}"
    while True:
        yield element(0x30, number(message), element(0x73, text(here))) * 1000


def circles(message):
    page = element(0x30, number(0), text("again"))
    control = element(0x30, text("1.2.840.113556.1.4.319"), text(page))
    fields = element(0x0A, b"\x00"), text(""), text("")
    yield element(0x30, number(message), element(0x65, *fields), element(0xA0, control))


def deep(message):
    octets = b""
    for _ in range(20_000):
        octets = element(0x30, octets)
    yield element(0x30, number(message), octets)


LIES = {
    "children without end": everlasting,
    "values without end": values,
    "references without end": references,
    "pages in circles": circles,
    "an octet now and then": trickle,
    "a length of two gigabytes": lambda message: [b"\x30\x84\x7f\xff\xff\xff"],
    "an indefinite length": lambda message: [b"\x30\x80\x02\x01"],
    "a length within that lies": lambda message: [element(0x30, number(message), b"\x65\x82\xff\xff\x0a\x01\x00")],
    "elements within elements": deep,
    "the number of another message": lambda message: [result(message + 7, 0x65, 0, "")],
    "a negative number": lambda message: [result(-1, 0x65, 0, "")],
    "the answer to another question": lambda message: [result(message, 0x69, 0, "")],
    "a referral": lambda message: [result(message, 0x65, 10, "\x1b[2J", element(0xA3, text(f"ldaps://{address}:{port}/")))],
    "a long refusal": lambda message: [result(message, 0x65, 53, "no " * 1_000_000)],
    "a notice of disconnection": lambda message: [result(0, 0x78, 52, "come back never")],
    "the end": lambda message: [],
}


def message_at(stream):
    """The next message of a stream, whole; nothing at its end."""
    head = exactly(stream, 2)
    if not head:
        return None
    if head[1] < 128:
        return head + exactly(stream, head[1])
    more = exactly(stream, head[1] & 127)
    return head + more + exactly(stream, int.from_bytes(more, "big"))


def exactly(stream, count):
    octets = b""
    while len(octets) < count:
        part = stream.recv(min(count - len(octets), 1 << 16))
        if not part:
            return b""
        octets += part
    return octets


def number_of(message):
    start = 2 if message[1] < 128 else 2 + (message[1] & 127)
    return int.from_bytes(message[start + 2 : start + 2 + message[start + 1]], "big")


def operation_of(message):
    start = 2 if message[1] < 128 else 2 + (message[1] & 127)
    return message[start + 2 + message[start + 1]]


def serve(client, server):
    try:
        while request := message_at(client):
            told = lie()
            if told and operation_of(request) == 0x63:
                for octets in LIES[told](number_of(request)):
                    client.sendall(octets)
                    if lie() != told:
                        return
                if told == "the end":
                    return
                continue
            server.sendall(request)
            if operation_of(request) == 0x42:
                return
            while answer := message_at(server):
                client.sendall(answer)
                if operation_of(answer) not in (0x64, 0x73):
                    break
    except OSError:
        pass
    finally:
        client.close()
        server.close()


def accept(connection, ours, theirs):
    try:
        connection.settimeout(120)
        client = ours.wrap_socket(connection, server_side=True)
        server = theirs.wrap_socket(socket.create_connection((address, behind)), server_hostname=address)
        serve(client, server)
    except OSError:
        connection.close()


def main():
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(folder / "server.pem", folder / "server.key")
    theirs = ssl.create_default_context(cafile=folder / "ca.pem")
    with socket.create_server((address, port), backlog=16) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=accept, args=(connection, ours, theirs), daemon=True).start()


main()
