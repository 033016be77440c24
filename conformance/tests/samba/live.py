"""What a live domain controller allows an account, one JSON object a line: rights FOLDER SEED COUNT, or same FOLDER DN SDDL."""
import json
import random
import sys

import ldb
from samba.auth import system_session
from samba.credentials import DONT_USE_KERBEROS, Credentials
from samba.dcerpc import misc, security
from samba.ndr import ndr_pack, ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

URL = "ldap://dc1.east.test"
BASE = "DC=east,DC=test"
PLACE = "CN=Rights,CN=Services,CN=Configuration," + BASE
SCHEMA = "CN=Schema,CN=Configuration," + BASE
DACL = ["sd_flags:1:4"]


def connect(lp, name, password):
    creds = Credentials()
    creds.guess(lp)
    creds.set_kerberos_state(DONT_USE_KERBEROS)
    creds.set_domain("EAST")
    creds.set_username(name)
    creds.set_password(password)
    return SamDB(url=URL, credentials=creds, lp=lp, session_info=system_session())


def guid(admin, cn):
    found = admin.search(base="CN=%s,%s" % (cn, SCHEMA), scope=ldb.SCOPE_BASE, attrs=["schemaIDGUID"])
    return str(ndr_unpack(misc.GUID, found[0]["schemaIDGUID"][0]))


def descriptor(admin, dn):
    found = admin.search(base=dn, scope=ldb.SCOPE_BASE, attrs=["nTSecurityDescriptor"], controls=DACL)
    return ndr_unpack(security.descriptor, found[0]["nTSecurityDescriptor"][0])


def put(db, dn, octets):
    message = ldb.Message(ldb.Dn(db, dn))
    message["d"] = ldb.MessageElement(octets, ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
    db.modify(message, controls=DACL)


def allowed(work):
    """Whether it was done; any other refusal than for a lack of rights is a fault of the proof."""
    try:
        work()
        return True
    except ldb.LdbError as error:
        assert error.args[0] in (ldb.ERR_INSUFFICIENT_ACCESS_RIGHTS, ldb.ERR_NO_SUCH_OBJECT), error
        return False


def tried(admin, user, dn, guids):
    """Each operation of the account on the object: what it needs, and whether the controller allows it."""
    kind, text, cost = guids
    child = "CN=below," + dn
    read = lambda attribute: user.search(base=dn, scope=ldb.SCOPE_BASE, attrs=[attribute], controls=DACL)

    def has(attribute):
        try:
            found = read(attribute)
        except ldb.LdbError:
            return False
        return len(found) == 1 and attribute in found[0]

    def write():
        message = ldb.Message(ldb.Dn(user, dn))
        message["c"] = ldb.MessageElement("7", ldb.FLAG_MOD_REPLACE, "bindbackCost")
        user.modify(message)

    def create():
        user.add({"dn": child, "objectClass": "bindbackObject"})

    same = ndr_pack(descriptor(admin, dn))
    yield "read an attribute", security.SEC_ADS_READ_PROP, [kind, text], has("bindbackDescription")
    yield "read the permissions", security.SEC_STD_READ_CONTROL, [kind], has("nTSecurityDescriptor")
    yield "write an attribute", security.SEC_ADS_WRITE_PROP, [kind, cost], allowed(write)
    made = allowed(create)
    if made:
        admin.delete(child)
    yield "make a child", security.SEC_ADS_CREATE_CHILD, [kind], made
    yield "change the permissions", security.SEC_STD_WRITE_DAC, [kind], allowed(lambda: put(user, dn, same))
    yield "remove it", security.SEC_STD_DELETE, [kind], allowed(lambda: user.delete(dn))


def rights(lp, seed, count):
    rng = random.Random(seed)
    admin = connect(lp, "Administrator", "Passw0rd!2026")
    user = connect(lp, "svc-west", "Letters.And.1")
    token = [str(ndr_unpack(security.dom_sid, one)) for one in
             user.search(base="", scope=ldb.SCOPE_BASE, attrs=["tokenGroups"])[0]["tokenGroups"]]
    guids = [guid(admin, cn) for cn in ("bindback-Object", "bindback-Description", "bindback-Cost")]
    admin.add({"dn": PLACE, "objectClass": "container"})
    domain = security.dom_sid(admin.get_domain_sid())
    # Whoever proved a name may list what is here, and nothing else.
    place = security.descriptor.from_sddl("O:DAG:DAD:P(A;;GA;;;DA)(A;;LCRPRC;;;AU)", domain)
    put(admin, PLACE, ndr_pack(place))
    own = [sid for sid in token if sid.startswith(str(domain))]
    sids = own + ["S-1-1-0", "S-1-5-11", str(domain) + "-1999"]
    for number in range(count):
        dn = "CN=probe%d,%s" % (number, PLACE)
        admin.add({"dn": dn, "objectClass": "bindbackObject", "bindbackDescription": "here", "bindbackCost": "1"})
        text = "O:DAG:DAD:P(A;;GA;;;DA)"
        for _ in range(rng.randrange(1, 7)):
            letter = rng.choice(["A", "A", "D", "OA", "OA", "OD"])
            # An object entry that allows an extended right (CR) Samba 4.17 takes to allow every right, which MS-DTYP 2.5.3.2
            # does not say: such entries are not compared.
            rights = ["CC", "RP", "WP", "SD", "RC", "WD", "LC"] + ([] if letter.startswith("O") else ["CR"])
            mask = "".join(r for r in rights if rng.random() < 0.45) or "RP"
            about = rng.choice(guids + [""]) if letter.startswith("O") else ""
            text += "(%s;;%s;%s;;%s)" % (letter, mask, about, rng.choice(sids))
        put(admin, dn, ndr_pack(security.descriptor.from_sddl(text, domain)))
        octets = ndr_pack(descriptor(admin, dn)).hex()
        for what, desired, tree, granted in tried(admin, user, dn, guids):
            question = {"hex": octets, "token": token, "desired": desired, "tree": tree}
            print(json.dumps({"what": what, "given": text, "question": question, "granted": granted}))
        if admin.search(base=PLACE, expression="(cn=probe%d)" % number):
            admin.delete(dn)


def same(lp, dn, text):
    """Whether what was set on an object is what a text says; the controller adds what is inherited."""
    admin = connect(lp, "Administrator", "Passw0rd!2026")
    domain = security.dom_sid(admin.get_domain_sid())
    own = lambda found: [ndr_pack(ace).hex() for ace in found.dacl.aces if not ace.flags & security.SEC_ACE_FLAG_INHERITED_ACE]
    live = own(descriptor(admin, dn))
    given = own(security.descriptor.from_sddl(text, domain))
    print(json.dumps({"same": live == given, "live": len(live), "given": len(given)}))


lp = LoadParm()
lp.load(sys.argv[2] + "/smb.conf")
if sys.argv[1] == "rights":
    rights(lp, int(sys.argv[3]), int(sys.argv[4]))
else:
    same(lp, sys.argv[3], sys.argv[4])
