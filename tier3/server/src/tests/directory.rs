//! Accounts in their states and the directory's contexts, on a real server: the exact status here, 5 on the wire.

use std::net::Ipv4Addr;
use std::sync::Arc;

use admin::directory_api::{AccountAction, AccountOrder, AgentOrder, DirectoryOrder, GrantOrder};
use dcerpc::AuthLevel;
use identity::{Account, NtHash, Role, Sid};
use net::{CallError, Dialer, Resolver, RpcTarget};
use store::{Store, Table};

use super::fixture::*;
use crate::account_table::{AccountError, AccountTable};
use crate::directory_table::DirectoryTable;
use crate::operations::{Ledger, follow, store_folder};
use crate::vault::VaultError;

const FULL_ROLE: &str = "service-account-admin";

fn ledger(server: &Server) -> Ledger {
    Ledger {
        accounts: server.node.accounts.clone(),
        directory: server.node.directory.clone(),
        who: "a test".to_owned(),
    }
}

fn west() -> String {
    account_of("WEST").to_string()
}

/// Binds as WEST, to be refused or to get as far as the bind-back's name; the code and step of the security event.
async fn refused(server: &mut Server, password: &str) -> (u32, String) {
    let dialer =
        Dialer { resolver: Resolver::default(), connect_timeout: PATIENCE, call_timeout: PATIENCE };
    let target = RpcTarget {
        host: Ipv4Addr::LOCALHOST.to_string(),
        mapper_port: server.mapper_port,
        interface: mta::rpc_interface::INTERFACE,
        level: AuthLevel::Privacy,
    };
    let client = dialer.open(&target, || initiator(&account_of("WEST"), password)).await.unwrap();
    match call_bind(&client, &bind("WEST", "")).await {
        Err(CallError::Fault { status: 5 }) => {}
        Ok(answer) => assert_eq!(answer.status, 5),
        Err(other) => panic!("{other:?}"),
    }
    loop {
        let event = server.events.recv().await.unwrap();
        if event.id == event::id::SECURITY_VIOLATION {
            return (event.code().unwrap(), event.word("step").unwrap_or_default().to_owned());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_of_an_account_has_its_code_and_its_remedy() {
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let ledger = ledger(&east);
    let past = Some("2020-01-01T00:00:00Z".parse().unwrap());
    for (fault, remedy, code) in [
        (AccountAction::Disable, AccountAction::Enable, 1331),
        (AccountAction::Expires(past), AccountAction::Expires(None), 1793),
        (AccountAction::PasswordExpires(past), AccountAction::PasswordExpires(None), 1330),
        (AccountAction::MustChange, AccountAction::PasswordExpires(None), 1907),
        (AccountAction::NetworkLogon(Some(false)), AccountAction::NetworkLogon(None), 1385),
    ] {
        let about = format!("{fault:?}");
        let order = |action| ledger.order(AccountOrder { name: west(), action }, 0).unwrap();
        order(fault);
        let said = refused(&mut east, PASSWORD).await;
        assert_eq!(said, (code, "authentication".to_owned()), "{about}");
        order(remedy);
        let (code, step) = refused(&mut east, PASSWORD).await;
        assert_eq!((code, step.as_str()), (5, "bind-back-name"), "{about}: it gets further");
    }
    let lines: Vec<String> =
        ledger.directory.audit().unwrap().into_iter().flat_map(|entry| entry.lines).collect();
    assert!(lines.contains(&"+ disabled".to_owned()), "{lines:?}");
}

/// Kerberos and winbind look at no account of this server: its states count all the same.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_proved_elsewhere_needs_an_account_that_may_be_used() {
    let east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let ledger = ledger(&east);
    let (account, config) = (account_of("WEST"), east.node.config());
    let check = || crate::link::check_account(&east.node, config.peer("WEST").unwrap(), &account);
    let past = Some("2020-01-01T00:00:00Z".parse().unwrap());
    for (fault, remedy, code) in [
        (AccountAction::Disable, AccountAction::Enable, 1331),
        (AccountAction::Expires(past), AccountAction::Expires(None), 1793),
        (AccountAction::NetworkLogon(Some(false)), AccountAction::NetworkLogon(None), 1385),
    ] {
        let order = |action| ledger.order(AccountOrder { name: west(), action }, 0).unwrap();
        order(fault);
        let denied = check().unwrap_err();
        assert_eq!((denied.code, denied.step), (code, "account-state"), "{}", denied.reason);
        order(remedy);
        assert!(check().is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_kept_is_put_back_with_its_password() {
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let ledger = ledger(&east);
    let order = |action| ledger.order(AccountOrder { name: west(), action }, 0);
    assert!(order(AccountAction::PutBack).is_err(), "nothing is kept yet");
    order(AccountAction::Keep).unwrap();
    order(AccountAction::Disable).unwrap();
    let password = AccountAction::Rotate { password: "fresh".into(), overlap_s: Some(0) };
    order(password).unwrap();
    order(AccountAction::Enable).unwrap();
    assert_eq!(refused(&mut east, PASSWORD).await.0, 1326);
    order(AccountAction::Disable).unwrap();
    assert_eq!(order(AccountAction::PutBack).unwrap().account.state, "ok");
    assert_eq!(refused(&mut east, PASSWORD).await.1, "bind-back-name");
    assert!(order(AccountAction::PutBack).is_err(), "it is put back once");

    // One that was made again under the name is somebody else.
    order(AccountAction::Keep).unwrap();
    ledger.remove(&west()).unwrap();
    let again = admin::api::AccountAdd { name: west(), password: "x".into(), roles: Vec::new() };
    ledger.add(&again).unwrap();
    let error = order(AccountAction::PutBack).unwrap_err().to_string();
    assert!(error.contains("made again"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_lock_and_the_right_one_does_not_open() {
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let mut config = (*east.node.config()).clone();
    config.accounts.lockout_threshold = 3;
    east.node.replace_config(config).unwrap();
    for _ in 0..3 {
        assert_eq!(refused(&mut east, "wrong").await.0, 1326);
    }
    let accounts = east.node.accounts.clone();
    until(|| accounts.find(&account_of("WEST")).unwrap().locked_until_ms).await;
    assert_eq!(refused(&mut east, PASSWORD).await.0, 1909);
    let order = AccountOrder { name: west(), action: AccountAction::Unlock };
    ledger(&east).order(order, 0).unwrap();
    assert_eq!(refused(&mut east, PASSWORD).await.1, "bind-back-name");
}

/// A password that an authority elsewhere found wrong counts as one that was found wrong here. A ticket that is refused is no
/// guess of a password: its name could be anybody's, and the KDC counts those itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_counts_towards_a_lockout() {
    use net::RpcService;
    use security::{KerberosCode, LogonFailure, SecurityError};
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let mut config = (*east.node.config()).clone();
    config.accounts.lockout_threshold = 3;
    east.node.replace_config(config).unwrap();
    let accounts = east.node.accounts.clone();
    let factory = crate::link::ServiceFactory::mta(Arc::clone(&east.node));
    let (_, service) = factory.connection("127.0.0.1:5000".parse().unwrap(), 1);
    let fail = |why: LogonFailure| {
        service.authentication_failed(Some(account_of("WEST")), &SecurityError::Refused(why));
    };
    for code in [KerberosCode::KRB_AP_ERR_BAD_INTEGRITY, KerberosCode::KRB_AP_ERR_SKEW] {
        let why = LogonFailure::Kerberos(code);
        for _ in 0..4 {
            fail(why);
        }
        until(|| {
            std::iter::from_fn(|| east.events.try_recv().ok()).find(|event| {
                event.id == event::id::SECURITY_VIOLATION
                    && event.number("code") == Some(why.win32())
            })
        })
        .await;
    }
    fail(LogonFailure::NoLogonServers);
    let failures = || accounts.find(&account_of("WEST")).unwrap().failures;
    for count in 1..3 {
        fail(LogonFailure::WrongPassword);
        until(|| (failures() >= count).then_some(())).await;
        assert_eq!(failures(), count, "nothing before counted");
    }
    fail(LogonFailure::WrongPassword);
    until(|| accounts.find(&account_of("WEST")).unwrap().locked_until_ms).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_before_is_good_for_its_overlap_only() {
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let ledger = ledger(&east);
    let rotate = |overlap_s| {
        let action = AccountAction::Rotate { password: "fresh".into(), overlap_s };
        ledger.order(AccountOrder { name: west(), action }, 0).unwrap()
    };
    assert!(rotate(Some(600)).account.older_password_until.is_some());
    assert_eq!(refused(&mut east, PASSWORD).await.1, "bind-back-name");
    assert_eq!(refused(&mut east, "fresh").await.1, "bind-back-name");
    rotate(Some(0));
    assert_eq!(refused(&mut east, "fresh").await.1, "bind-back-name");
    assert_eq!(refused(&mut east, PASSWORD).await.0, 1326);
}

fn grant(account: &str, on: &str) -> GrantOrder {
    GrantOrder {
        role: FULL_ROLE.to_owned(),
        account: account.to_owned(),
        object: on.to_owned(),
        inherit: true,
        dry_run: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_context_can_be_the_missing_one_and_a_copy_may_lag() {
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let (ledger, config) = (ledger(&east), east.node.config());
    let order = |order| follow(&ledger, &config, order).unwrap();
    for (on, step) in [
        ("/O=Demo", "organisation"),
        ("/O=Demo/OU=HQ", "site"),
        ("/O=Demo/OU=HQ/CN=Configuration", "configuration"),
        ("/CN=Schema/CN=NT-Security-Descriptor", "schema"),
    ] {
        order(DirectoryOrder::Revoke(grant(&west(), on)));
        assert_eq!(refused(&mut east, PASSWORD).await, (5, step.to_owned()));
        assert!(ledger.list()[0].roles.is_empty());
        order(DirectoryOrder::Grant(grant(&west(), on)));
        assert_eq!(refused(&mut east, PASSWORD).await.1, "bind-back-name");
    }
    order(DirectoryOrder::Agent { change: Some(AgentOrder::Stop) });
    order(DirectoryOrder::Revoke(grant(&west(), "/O=Demo")));
    assert_eq!(refused(&mut east, PASSWORD).await.1, "bind-back-name", "the copy does not know");
    order(DirectoryOrder::Agent { change: Some(AgentOrder::Start) });
    assert_eq!(refused(&mut east, PASSWORD).await.1, "organisation");
    order(DirectoryOrder::Undo);
    assert_eq!(refused(&mut east, PASSWORD).await.1, "bind-back-name");
}

/// Claims: 13.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_server_knows_a_grant_on_the_schema_only_after_a_restart() {
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let (ledger, config) = (ledger(&east), east.node.config());
    let order = |order| follow(&ledger, &config, order).unwrap();
    let server = "/O=Demo/OU=HQ/CN=Configuration/CN=Servers/CN=EAST";
    order(DirectoryOrder::Set(admin::directory_api::SetOrder {
        object: server.to_owned(),
        attribute: "generation".to_owned(),
        values: vec!["old".to_owned()],
        mode: admin::directory_api::Mode::Replace,
        dry_run: false,
    }));
    // The schema as it was at the start had no grant: the accounts were made after it.
    assert_eq!(refused(&mut east, PASSWORD).await.1, "schema");
    assert!(ledger.directory.waits_for_restart(&ledger.accounts, &account_of("WEST")));
    let again = DirectoryTable::open(east.node.queue.store().clone(), &config, &ledger.accounts);
    let answer = again.unwrap().authorise(&ledger.accounts, &account_of("WEST"));
    assert!(answer.failed().is_none(), "as after a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_made_again_under_its_name_is_another_one() {
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let ledger = ledger(&east);
    ledger.remove(&west()).unwrap();
    add_account(&east.node, &account_of("WEST"), &[]);
    assert_eq!(refused(&mut east, PASSWORD).await, (5, "organisation".to_owned()));
    let facts = crate::facts::of_accounts(&ledger);
    assert!(facts[0].rights_of_earlier && facts[0].missing.len() == 4, "{facts:?}");
}

#[test]
fn accounts_of_before_are_taken_over_with_their_roles_and_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(folder.path(), "EAST", 1, &[("WEST", 1)]);
    let path = store_folder(&config.server.data_dir);
    let name = account_of("WEST");
    let mut old = Account::new(name.clone(), Sid::domain(1, 2, 3), NtHash::new([0xAB; 16]), 5);
    old.roles.insert(Role::ServiceAccountAdmin);
    let store = Store::open(&path).unwrap();
    store.put_account(old).unwrap();
    let open = || {
        let accounts = AccountTable::open(store.clone(), &config)?;
        let directory = DirectoryTable::open(store.clone(), &config, &accounts).unwrap();
        Ok::<_, AccountError>((accounts, directory))
    };
    let (accounts, directory) = open().unwrap();
    assert!(directory.authorise(&accounts, &name).failed().is_none(), "it kept its role");
    assert!(store.accounts().unwrap().is_empty(), "nothing is left in the clear");
    let rows = store.rows(Table::Accounts).unwrap();
    assert!(rows.iter().all(|(_, json)| !String::from_utf8_lossy(json).contains("abababab")));
    let sid = accounts.find(&name).unwrap().sid;
    let (again, _) = open().unwrap();
    let found = again.find(&name).unwrap();
    assert_eq!((found.nt_hash, found.sid), (NtHash::new([0xAB; 16]), sid));
    let key = &config.accounts.key_file;
    std::fs::rename(key, key.with_extension("away")).unwrap();
    assert!(matches!(open(), Err(AccountError::Vault(VaultError::Missing { .. }))));
}
