"""Random security descriptors and tokens, and what Samba says of each: one JSON object a line."""
import json
import random
import sys

import samba.descriptor
import samba.security
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack

DOMAIN = "S-1-5-21-1111-2222-3333"
SIDS = ["S-1-1-0", "S-1-3-0", "S-1-5-7", "S-1-5-11", "S-1-5-18", "S-1-5-32-544", "S-1-5-32-545"] + [
    "%s-%d" % (DOMAIN, rid) for rid in (500, 512, 513, 1000, 1001)] + ["S-1-5-21-9-9-9-1000", "S-1-22-1-0"]
GUIDS = ["ab721a53-1e2f-11d0-9819-00aa0040529b", "bf967aba-0de6-11d0-a285-00aa003049e2", ""]
RIGHTS = ["CC", "DC", "LC", "SW", "RP", "WP", "DT", "LO", "CR", "SD", "RC", "WD", "WO"]
GENERIC = ["GA", "GR", "GW", "GX"]


# Those name accounts that a domain controller makes first.
NEED_ACCOUNTS = ["get_dns_domain_microsoft_dns_descriptor", "get_dns_forest_microsoft_dns_descriptor", "get_dns_partition_descriptor",
                 "get_paritions_crossref_subdomain_descriptor"]


def ace(rng, plain, audit):
    kinds = ["AU", "OU"] if audit else ["A", "D"] if plain else ["A", "D", "OA", "OD"]
    kind = rng.choice(kinds)
    flags = "".join(flag for flag in ("OI", "CI", "NP", "IO", "ID") if rng.random() < 0.15)
    if audit:
        flags += rng.choice(["SA", "FA", "SAFA"])
    rights = RIGHTS if plain else RIGHTS + GENERIC
    mask = "".join(r for r in rights if rng.random() < 0.25) or "RP"
    if rng.random() < 0.1:
        mask = "0x%x" % (rng.getrandbits(32) & (0x001f01ff if plain else 0xf1ffffff))
    types = ";"
    if kind.startswith("O"):
        types = rng.choice(GUIDS) + ";" + rng.choice(GUIDS)
    return "(%s;%s;%s;%s;%s)" % (kind, flags, mask, types, rng.choice(SIDS))


def sddl(rng, plain):
    text = "O:%sG:%s" % (rng.choice(SIDS), rng.choice(SIDS))
    text += "D:" + rng.choice(["", "P", "AR", "AI", "PAI"])
    # Samba's reader takes the letters of "D:PAIS:" for flags of an empty list, so that a list in front of S: is not empty.
    text += "".join(ace(rng, plain, False) for _ in range(rng.randrange(0 if plain else 1, 9)))
    if not plain and rng.random() < 0.5:
        text += "S:" + rng.choice(["", "P", "AI"]) + "".join(ace(rng, plain, True) for _ in range(rng.randrange(4)))
    return text


def provisioned():
    """What Samba's domain controller writes when it is made."""
    domain = security.dom_sid(DOMAIN)
    for name in sorted(dir(samba.descriptor)):
        if name.startswith("get_") and name.endswith("_descriptor") and name not in NEED_ACCOUNTS:
            octets = getattr(samba.descriptor, name)(domain)
            if not octets:
                continue
            descriptor = ndr_unpack(security.descriptor, octets)
            print(json.dumps({"given": name, "domain": DOMAIN, "sddl": descriptor.as_sddl(domain), "hex": octets.hex()}))


def make(seed, count):
    rng = random.Random(seed)
    domain = security.dom_sid(DOMAIN)
    for number in range(count):
        plain = number % 2 == 0
        text = sddl(rng, plain)
        if plain and rng.random() < 0.5:
            text += "(A;;0x1f01ff;;;%s)" % rng.choice(SIDS)
        descriptor = security.descriptor.from_sddl(text, domain)
        row = {"given": text, "domain": DOMAIN, "sddl": descriptor.as_sddl(domain), "hex": ndr_pack(descriptor).hex()}
        if plain:
            sids = rng.sample(SIDS, rng.randrange(1, 5))
            token = security.token()
            token.sids = [security.dom_sid(sid) for sid in sids]
            token.num_sids = len(sids)
            desired = 0
            for _ in range(rng.randrange(1, 4)):
                desired |= rng.choice([1, 2, 4, 8, 16, 32, 64, 128, 256, 0x10000, 0x20000, 0x40000, 0x80000])
            row["token"] = sids
            row["desired"] = desired
            try:
                samba.security.access_check(descriptor, token, desired)
                row["granted"] = True
            except Exception as error:
                assert error.args[0] == 0xC0000022, error
                row["granted"] = False
        print(json.dumps(row))


def read_back():
    """Lines of text and octets: whether Samba reads both as the same descriptor."""
    for line in sys.stdin:
        row = json.loads(line)
        from_text = security.descriptor.from_sddl(row["sddl"], security.dom_sid(DOMAIN))
        from_octets = ndr_unpack(security.descriptor, bytes.fromhex(row["hex"]))
        print(json.dumps({"text": ndr_pack(from_text).hex(), "octets": ndr_pack(from_octets).hex()}))


if sys.argv[1] == "provisioned":
    provisioned()
elif sys.argv[1] == "make":
    make(int(sys.argv[2]), int(sys.argv[3]))
else:
    read_back()
