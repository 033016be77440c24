"""Holds what `x400 decode --json` says of APDUs against what asn1tools, an ASN.1 compiler that nobody here wrote, reads.

    judge.py P1.ASN APDUS.BER SAID.JSON

Both sides are brought to the same plain shape and compared value by value. Prints one JSON object: how many APDUs, how
many values, and the first differences.
"""

import datetime
import json
import sys

import asn1tools

PRIORITIES = {"normal": 0, "non-urgent": 1, "urgent": 2}
ACTIONS = {"relayed": 0, "rerouted": 1}
# Members that have no value of the standard's when they are absent, or are empty when absent.
DEFAULTS = {"priority": 0, "extensions": [], "built-in-domain-defined-attributes": []}


def theirs(value, name=None):
    """What asn1tools gives, in the plain shape."""
    if isinstance(value, dict):
        plain = {key: theirs(member, key) for key, member in value.items()}
        forms = {form: plain.pop(form) for form in ("built-in", "extended") if form in plain}
        return plain | {"content-type": forms} if forms else plain
    if isinstance(value, list):
        return [theirs(element) for element in value]
    if isinstance(value, tuple) and isinstance(value[0], (bytes, bytearray)):
        octets, bits = value
        return "bits " + "".join(f"{octet:08b}" for octet in octets)[:bits].rstrip("0")
    if isinstance(value, tuple):
        return {value[0]: theirs(value[1])}
    if isinstance(value, (bytes, bytearray)):
        return "octets " + value.hex()
    if isinstance(value, datetime.datetime):
        return "time " + value.strftime("%y%m%d%H%M%S")
    if name == "priority":
        return PRIORITIES[value]
    if name == "routing-action":
        return ACTIONS[value]
    return value


def ours(value, name=None):
    """What our decoder says, in the plain shape."""
    if isinstance(value, list):
        return [ours(element) for element in value]
    if not isinstance(value, dict):
        octets = name in ("content", "returned-content") and isinstance(value, str)
        return "octets " + value if octets else value
    keys = set(value)
    if keys == {"bits", "hex", "unused"}:
        bits = "".join(f"{octet:08b}" for octet in bytes.fromhex(value["hex"]))
        return "bits " + bits[: len(bits) - value["unused"]].rstrip("0")
    if keys == {"name", "value"}:
        return value["value"]
    if keys == {"time", "raw"}:
        return "time " + value["raw"].rstrip("Z")
    if keys == {"tag", "hex"}:
        return "octets " + value["hex"]
    return {key: ours(member, key) for key, member in value.items()}


def differences(expected, said, path, found):
    """Adds the places where the two differ, and counts the values that were compared."""
    if isinstance(expected, dict) and isinstance(said, dict):
        count = 0
        for key in sorted(set(expected) | set(said)):
            default = DEFAULTS.get(key)
            left, right = expected.get(key, default), said.get(key, default)
            count += differences(left, right, f"{path}.{key}", found)
        return count
    if isinstance(expected, list) and isinstance(said, list) and len(expected) == len(said):
        pairs = enumerate(zip(expected, said))
        return sum(differences(a, b, f"{path}[{at}]", found) for at, (a, b) in pairs)
    if expected != said:
        found.append(f"{path}: theirs {expected!r}, ours {said!r}")
    return 1


def main():
    schema, apdus, said = sys.argv[1:]
    compiled = asn1tools.compile_files(schema, "ber")
    with open(apdus, "rb") as file:
        octets = file.read()
    with open(said, encoding="utf-8") as file:
        decoded = [one for one in json.load(file)["apdus"] if one["kind"] in ("message", "report")]
    offset = values = 0
    found = []
    for number, one in enumerate(decoded):
        (kind, value), length = compiled.decode_with_length("MTS-APDU", octets[offset:])
        if kind != one["kind"] or offset != one["offset"] or length != one["length"]:
            found.append(f"{number}: {kind} of {length} octets at {offset}, ours {one['kind']} of {one['length']} at {one['offset']}")
        values += differences(theirs(value), ours(one["fields"]), str(number), found)
        offset += length
    if offset != len(octets):
        found.append(f"{len(octets) - offset} octets are left")
    print(json.dumps({"apdus": len(decoded), "values": values, "different": len(found), "first": found[:10]}))


main()
