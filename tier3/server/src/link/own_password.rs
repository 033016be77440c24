//! A machine account of a peer gets the password that it asks for: its own, and no other's.

use std::net::SocketAddr;
use std::sync::Arc;

use admin::directory_api::{AccountAction, AccountOrder};
use dcerpc::status::{BAD_STUB_DATA, NCA_OP_RNG_ERROR};
use identity::{AccountName, Password};
use mta::account_interface::{
    PASSWORD_LEAST, SET_OWN_PASSWORD, decode_set_own_password, encode_answer,
};
use net::RpcRequest;

use super::called::{ACCESS_DENIED, Denied, check_state, refuse};
use crate::blocking::blocking;
use crate::node::Node;
use crate::operations::{Ledger, overlap_ms};

/// Win32 `ERROR_NO_SUCH_USER`.
const NO_SUCH_USER: u32 = 1317;
/// Win32 `ERROR_PASSWORD_RESTRICTION`.
const PASSWORD_RESTRICTION: u32 = 1325;
/// Win32 `ERROR_INTERNAL_ERROR`; what it was stands in this server's own log.
const INTERNAL_ERROR: u32 = 1359;

/// One call of the interface.
pub(super) async fn call(
    node: &Arc<Node>,
    from: SocketAddr,
    request: RpcRequest,
) -> Result<Vec<u8>, u32> {
    // The interface's rule lets no unauthenticated request through to here.
    let principal = request.principal.clone().ok_or(ACCESS_DENIED)?;
    if request.opnum != SET_OWN_PASSWORD {
        return Err(NCA_OP_RNG_ERROR);
    }
    let password =
        decode_set_own_password(&request.stub, request.order).map_err(|_| BAD_STUB_DATA)?;
    let password = Password::new(password);
    if let Err(denied) = check(node, &principal) {
        refuse(node, &principal, &from.to_string(), None, &denied);
        return Err(ACCESS_DENIED);
    }
    if password.expose().chars().count() < PASSWORD_LEAST {
        return Ok(encode_answer(PASSWORD_RESTRICTION));
    }
    let node = Arc::clone(node);
    Ok(encode_answer(blocking(move || set(&node, &principal, password, from)).await))
}

/// Only who is named as a configured peer's machine account, and may log on here, has a password to change.
fn check(node: &Node, principal: &AccountName) -> Result<(), Denied> {
    let config = node.config();
    let of_machine = |peer: &&config::Peer| {
        let machine = node.directory.machine_account_of(&peer.name);
        machine.is_some_and(|machine| machine.matches(principal))
    };
    let peer = config.peers.iter().find(of_machine).filter(|_| principal.name().ends_with('$'));
    let Some(peer) = peer else {
        let reason =
            format!("{principal} is no peer's machine account, and would change its password");
        return Err(Denied::new(reason, "account"));
    };
    check_state(node, peer, principal).map(drop)
}

/// The Win32 code of what became of it.
fn set(node: &Node, principal: &AccountName, password: Password, from: SocketAddr) -> u32 {
    let Some(account) = node.accounts.find(principal) else { return NO_SUCH_USER };
    if account.nt_hash == security::ntlm::nt_hash(&password) {
        // Its answer to the first call was lost; the password before must not be forgotten for it.
        return 0;
    }
    let ledger = Ledger {
        accounts: node.accounts.clone(),
        directory: node.directory.clone(),
        who: format!("{principal}, from {from}"),
    };
    let action = AccountAction::Rotate { password, overlap_s: None };
    let order = AccountOrder { name: account.name.to_string(), action };
    match ledger.order(order, overlap_ms(&node.config())) {
        Ok(_) => 0,
        Err(error) => {
            eprintln!("the password of {principal} is not changed: {error}");
            INTERNAL_ERROR
        }
    }
}
