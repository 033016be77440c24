//! The targets: each takes any octets and must neither panic nor lose what it read.
//!
//! A target reads with one decoder, or drives one machine, and holds it to what it promises: what can be read can be
//! written and reads the same again; positions lie inside the input; a machine that refused stays closed.
//! `targets.toml` beside this crate says which room has which targets; `cargo xtask tidy` checks it.

pub mod parties;
pub mod seed;

mod dcerpc_targets;
mod eventlog_targets;
mod kerberos_targets;
mod ldap_targets;
mod mail;
mod module_targets;
mod mta_targets;
mod osi_targets;
mod security_targets;
mod texts;
mod x400_targets;

/// Takes one input.
pub type Target = fn(&[u8]);

/// Every target by name; a folder of `corpus` has the same name.
pub const TARGETS: &[(&str, Target)] = &[
    ("wire_hex", texts::hex),
    ("ber", osi_targets::ber_elements),
    ("osi_transport", osi_targets::transport),
    ("osi_cotp", osi_targets::cotp),
    ("osi_session", osi_targets::session),
    ("osi_presentation", osi_targets::presentation),
    ("osi_acse_rtse", osi_targets::acse_rtse),
    ("osi_stack", osi_targets::stack),
    ("osi_observe", osi_targets::observe),
    ("x400_apdu", x400_targets::apdu),
    ("x400_bind", x400_targets::bind),
    ("x400_describe", x400_targets::describe),
    ("x400_address_text", x400_targets::address_text),
    ("x400_times", x400_targets::times),
    ("ntlm_messages", security_targets::ntlm_messages),
    ("ntlm_acceptor", security_targets::ntlm_acceptor),
    ("ntlm_initiator", security_targets::ntlm_initiator),
    ("spnego_tokens", security_targets::spnego_tokens),
    ("spnego_acceptor", security_targets::spnego_acceptor),
    ("spnego_initiator", security_targets::spnego_initiator),
    ("krb5_messages", kerberos_targets::messages),
    ("krb5_files", kerberos_targets::files),
    ("krb5_acceptor", kerberos_targets::acceptor),
    ("krb5_initiator", kerberos_targets::initiator),
    ("krb5_exchange", kerberos_targets::exchange),
    ("krb5_tokens", kerberos_targets::tokens),
    ("krb5_names", kerberos_targets::names),
    ("kerberos_realms", kerberos_targets::realms),
    ("ldap_response", ldap_targets::response),
    ("dcerpc_pdu", dcerpc_targets::pdu),
    ("dcerpc_client", dcerpc_targets::client),
    ("dcerpc_server", dcerpc_targets::server),
    ("dcerpc_epm", dcerpc_targets::epm),
    ("dcerpc_epm_changes", dcerpc_targets::epm_changes),
    ("dcerpc_trailer", dcerpc_targets::trailer),
    ("dcerpc_ndr", dcerpc_targets::ndr),
    ("dcerpc_interfaces", dcerpc_targets::interfaces),
    ("dcerpc_texts", dcerpc_targets::texts),
    ("smtp_dialogue", mail::dialogue),
    ("smtp_client", mail::client),
    ("smtp_session", mail::session),
    ("smtp_parameters", mail::parameters),
    ("mixer_message", mail::message),
    ("mixer_address", mail::address),
    ("mixer_mail", mail::converted),
    ("mta_interface", mta_targets::interface),
    ("mta_association", mta_targets::association),
    ("eventlog_any", eventlog_targets::any),
    ("eventlog_evt", eventlog_targets::evt),
    ("eventlog_evtx", eventlog_targets::evtx),
    ("eventlog_words", eventlog_targets::words),
    ("event_read", texts::event),
    ("identity_names", texts::names),
    ("identity_descriptors", texts::descriptors),
    ("directory_names", texts::directory),
    ("routing_addresses", texts::addresses),
    ("queue_names", texts::queue_names),
    ("diagnosis_case", texts::case),
    ("modules_version", module_targets::version),
    ("modules_table", module_targets::table),
    ("config_file", texts::configuration),
];

/// A target by its name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

/// Cuts the input where octet pairs say: `count` parts whose lengths stand in front of each, the rest last.
fn parts(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = octets.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        octets = rest;
        Some(part)
    })
}

/// The first octet as a choice, the rest as the input.
fn choice(octets: &[u8]) -> Option<(u8, &[u8])> {
    octets.split_first().map(|(first, rest)| (*first, rest))
}

/// The text that the octets are, if they are one.
fn text(octets: &[u8]) -> Option<&str> {
    std::str::from_utf8(octets).ok()
}
