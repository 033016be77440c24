//! The stubs against their definitions under idl/, and answers as Samba gave them.

use dcerpc::{ByteOrder, ContextHandle, NdrWriter, SyntaxId};
use identity::Sid;
use idl::{Interface, Way};

use crate::sam::SamAccount;
use crate::{lsa, msrpc, sam, srv};

/// Answers of a domain controller (Samba 4.17): the domain, the name, both classes of information about the user, and the lockout of
/// the domain.
const DOMAIN_FOUND: &str =
    "0400020004000000010400000000000515000000707c5e8e8e7e727bb192d57700000000";
const NAME_FOUND: &str = "0100000004000200010000004f0400000100000008000200010000000100000000000000";
const ACCOUNT: &str = "0000020005000000060006000400020000000000080002004f04000001020000000000000c0002000000000010000200\
     00000000140002000000000018000200000000001c000200000000002000020000000000000000000000000000000000\
     a800000024000200000000000c0de7c2d97edd01ffffffffffffff7f100000000300000000000000030000006d007400\
     610000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
     00000000000000000000000000000000000000000000000000000000000000000000000000000000ec04000000000000\
     15000000ffffffffffffffffffffffffffffffffffffffffff00000000000000";
const LOGON: &str = "0000020003000000060006000400020000000000080002004f04000001020000000000000c0002000000000010000200\
     00000000140002000000000018000200000000001c000200000000000000000000000000000000000c0de7c2d97edd01\
     0ccd50eda27fdd010c8d40b8da9fdd01a80000002000020000000000100000000300000000000000030000006d007400\
     610000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
     00000000000000000000000000000000000000000000000000000000ec0400000000000015000000ffffffffffffffff\
     ffffffffffffffffffffffffff00000000000000";
const LOCKOUT: &str = "000002000c00000000cc1dcffbffffff00cc1dcffbffffff0000000000000000";

/// Of the user in them.
const RID: u32 = 1103;

const ORDER: ByteOrder = ByteOrder::Little;

fn octets(hex: &str) -> Vec<u8> {
    wire::from_hex(hex).unwrap()
}

fn read(text: &str, syntax: SyntaxId, operations: &[(u16, &str)]) -> Interface {
    let version = (syntax.major, syntax.minor);
    Interface::parse_as(text, &syntax.uuid.to_string(), version, operations).unwrap()
}

fn someone() -> Sid {
    Sid::domain(1, 2, 3).member(1104).unwrap()
}

#[test]
fn what_is_asked_of_the_database_is_that_of_its_idl() {
    let operations = [
        (sam::OP_CLOSE, "SamrCloseHandle"),
        (sam::OP_LOOKUP_DOMAIN, "SamrLookupDomainInSamServer"),
        (sam::OP_OPEN_DOMAIN, "SamrOpenDomain"),
        (sam::OP_LOOKUP_NAMES, "SamrLookupNamesInDomain"),
        (sam::OP_OPEN_USER, "SamrOpenUser"),
        (sam::OP_QUERY_USER, "SamrQueryInformationUser"),
        (sam::OP_QUERY_DOMAIN, "SamrQueryInformationDomain2"),
        (sam::OP_CONNECT, "SamrConnect2"),
    ];
    let idl = read(include_str!("../../../idl/samr.idl"), sam::INTERFACE, &operations);
    let handle = ContextHandle::NULL;
    for (opnum, stub) in [
        (sam::OP_CLOSE, sam::close(&handle)),
        (sam::OP_LOOKUP_DOMAIN, sam::lookup_domain(&handle, "ÖST")),
        (sam::OP_OPEN_DOMAIN, sam::open_domain(&handle, &someone())),
        (sam::OP_LOOKUP_NAMES, sam::lookup_name(&handle, "svc-wést")),
        (sam::OP_OPEN_USER, sam::open_user(&handle, 1104)),
        (sam::OP_QUERY_USER, sam::query(&handle, sam::LOGON_INFORMATION)),
        (sam::OP_QUERY_DOMAIN, sam::query_lockout(&handle)),
        (sam::OP_CONNECT, sam::connect("dc1.east.test")),
    ] {
        idl.walk(opnum, Way::Request, &stub).unwrap();
        idl.walk(opnum, Way::Request, &stub[..stub.len() - 1]).unwrap_err();
    }
    for (opnum, answer) in [
        (sam::OP_LOOKUP_DOMAIN, DOMAIN_FOUND),
        (sam::OP_LOOKUP_NAMES, NAME_FOUND),
        (sam::OP_QUERY_USER, ACCOUNT),
        (sam::OP_QUERY_USER, LOGON),
        (sam::OP_QUERY_DOMAIN, LOCKOUT),
    ] {
        idl.walk(opnum, Way::Response, &octets(answer)).unwrap();
    }
}

#[test]
fn answers_of_samba_are_read_and_every_cut_fails() {
    let all = octets(DOMAIN_FOUND);
    let (domain, status) = sam::domain_found(&all, ORDER).unwrap();
    assert!(domain.unwrap().to_string().starts_with("S-1-5-21-"));
    assert_eq!(status, 0);
    let (rid, status) = sam::name_found(&octets(NAME_FOUND), ORDER).unwrap();
    assert_eq!((rid, status), (Some(RID), 0));
    let mut account = SamAccount::default();
    for answer in [ACCOUNT, LOGON] {
        assert_eq!(sam::user_told(&octets(answer), ORDER, &mut account), Ok(0));
    }
    assert_eq!((account.rid, account.bad_passwords, account.control), (RID, 0, 0x10));
    assert!(account.password_set.is_some() && account.expires.is_none());
    assert!(account.password_due > account.password_set);
    assert_eq!(sam::lockout_told(&octets(LOCKOUT), ORDER), Ok((Some(0), 0)));
    type Reads = fn(&[u8]) -> bool;
    let cuts: [(&str, Reads); 4] = [
        (DOMAIN_FOUND, |stub| sam::domain_found(stub, ORDER).is_ok()),
        (NAME_FOUND, |stub| sam::name_found(stub, ORDER).is_ok()),
        (LOGON, |stub| sam::user_told(stub, ORDER, &mut SamAccount::default()).is_ok()),
        (LOCKOUT, |stub| sam::lockout_told(stub, ORDER).is_ok()),
    ];
    for (answer, reads) in cuts {
        let whole = octets(answer);
        assert!(reads(&whole));
        for end in 0..whole.len() {
            assert!(!reads(&whole[..end]), "{end} of {answer}");
        }
    }
}

#[test]
fn the_state_of_an_account_is_told() {
    let account = SamAccount {
        rid: 1104,
        bad_passwords: 3,
        control: 0x10 | 0x400,
        password_due: Some(100),
        expires: Some(300),
        lockout_threshold: Some(5),
        ..SamAccount::default()
    };
    assert!(account.is_locked() && !account.is_disabled());
    assert!(account.is_password_expired(100) && !account.is_password_expired(99));
    assert!(account.is_expired(300) && !account.is_expired(299));
    assert_eq!(account.attempts_left(), Some(2));
    assert_eq!(
        account.told(200),
        "locked, its password is expired, 3 wrong passwords of 5 that lock it"
    );
    let never = SamAccount { control: 0x10 | 0x200, ..account };
    assert!(!never.is_password_expired(u64::MAX));
    assert_eq!(SamAccount { lockout_threshold: Some(0), ..never }.attempts_left(), None);
}

#[test]
fn what_is_asked_of_the_authority_is_that_of_its_idl() {
    let operations = [
        (lsa::OP_CLOSE, "LsarClose"),
        (lsa::OP_ACCOUNT_RIGHTS, "LsarEnumerateAccountRights"),
        (lsa::OP_OPEN_POLICY, "LsarOpenPolicy2"),
        (lsa::OP_TRUSTS, "LsarEnumerateTrustedDomainsEx"),
    ];
    let idl = read(include_str!("../../../idl/lsarpc.idl"), lsa::INTERFACE, &operations);
    let handle = ContextHandle::NULL;
    for (opnum, stub) in [
        (lsa::OP_CLOSE, sam::close(&handle)),
        (lsa::OP_ACCOUNT_RIGHTS, lsa::account_rights(&handle, &someone())),
        (lsa::OP_OPEN_POLICY, lsa::open_policy("dc1.east.test")),
        (lsa::OP_TRUSTS, lsa::trusts(&handle)),
    ] {
        idl.walk(opnum, Way::Request, &stub).unwrap();
        idl.walk(opnum, Way::Request, &stub[..stub.len() - 1]).unwrap_err();
    }

    let mut answer = NdrWriter::new();
    answer.u32(2);
    answer.pointer(true);
    answer.u32(2);
    msrpc::put_unicode_strings(&mut answer, &["SeNetworkLogonRight", "SeBackupPrivilege"]);
    answer.u32(0);
    let answer = answer.into_vec();
    idl.walk(lsa::OP_ACCOUNT_RIGHTS, Way::Response, &answer).unwrap();
    let rights = lsa::rights_told(&answer, ORDER).unwrap();
    let expected = vec!["SeNetworkLogonRight".to_owned(), "SeBackupPrivilege".to_owned()];
    assert_eq!(rights, (Some(expected), 0));
    for end in 0..answer.len() {
        assert!(lsa::rights_told(&answer[..end], ORDER).is_err(), "{end}");
    }

    let mut answer = NdrWriter::new();
    answer.u32(1);
    answer.u32(1);
    answer.pointer(true);
    answer.u32(1);
    for _ in 0..2 {
        answer.u16(8);
        answer.u16(8);
        answer.pointer(true);
    }
    answer.pointer(true);
    for value in [3, 2, 8] {
        answer.u32(value);
    }
    for name in ["WEST", "west"] {
        answer.count(4);
        answer.actual_count(4);
        for unit in name.encode_utf16() {
            answer.u16(unit);
        }
    }
    msrpc::put_sid(&mut answer, &Sid::domain(4, 5, 6));
    answer.u32(0);
    let answer = answer.into_vec();
    idl.walk(lsa::OP_TRUSTS, Way::Response, &answer).unwrap();
    let (trusts, status) = lsa::trusts_told(&answer, ORDER).unwrap();
    let trusts = trusts.unwrap();
    assert_eq!(status, 0);
    assert_eq!(trusts[0].told(), "WEST (west): both ways");
    for end in 0..answer.len() {
        assert!(lsa::trusts_told(&answer[..end], ORDER).is_err(), "{end}");
    }
}

#[test]
fn shares_are_asked_for_and_read_as_their_idl_says() {
    let operations = [(srv::OP_SHARES, "NetrShareEnum")];
    let idl = read(include_str!("../../../idl/srvsvc.idl"), srv::INTERFACE, &operations);
    let asked = srv::shares("dc1.east.test");
    idl.walk(srv::OP_SHARES, Way::Request, &asked).unwrap();
    idl.walk(srv::OP_SHARES, Way::Request, &asked[..asked.len() - 1]).unwrap_err();
    let mut answer = NdrWriter::new();
    answer.u32(1);
    answer.u32(1);
    answer.pointer(true);
    answer.u32(2);
    answer.pointer(true);
    answer.u32(2);
    for _ in 0..2 {
        answer.pointer(true);
        answer.u32(0);
        answer.pointer(true);
    }
    for text in ["sysvol", "", "IPC$", "IPC Service"] {
        answer.string16(text);
    }
    answer.u32(2);
    answer.pointer(false);
    answer.u32(0);
    let answer = answer.into_vec();
    idl.walk(srv::OP_SHARES, Way::Response, &answer).unwrap();
    let names = vec!["sysvol".to_owned(), "IPC$".to_owned()];
    assert_eq!(srv::shares_told(&answer, ORDER), Ok((Some(names), 0)));
    for end in 0..answer.len() {
        assert!(srv::shares_told(&answer[..end], ORDER).is_err(), "{end}");
    }
}
