//! LDAP: what a server answers.

/// One message, and where it ends.
pub fn response(octets: &[u8]) {
    let length = ldap::message_len(octets);
    if let (Ok(_), Ok(Some(length))) = (ldap::decode_response(octets), length) {
        assert!(length == octets.len(), "a whole message has the length that its head says");
    }
}
