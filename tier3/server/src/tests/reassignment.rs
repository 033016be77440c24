//! Recipients that the directory, or the originator, sends elsewhere.

use directory::{Class, Directory, DirectoryError, Name, Object};
use jiff::Timestamp;
use x400::{
    ContentType, ExtensionField, MessageTransferEnvelope, OrName, PerRecipientFields,
    PerRecipientIndicators, Priority, SuppliedInformation, TraceElement, standard,
};

use super::fixture::{listener, until};
use super::x400::{Mta, pair};
use crate::inbound;

fn name(leaf: &str) -> Name {
    format!("/O=Demo/OU=HQ/CN=Recipients/CN={leaf}").parse().unwrap()
}

fn add(
    tree: &mut Directory,
    leaf: &str,
    class: Class,
    attributes: &[(&str, &[&str])],
) -> Result<(), DirectoryError> {
    let mut object = Object::new(name(leaf), class, 1);
    for (attribute, values) in attributes {
        object.set(attribute, values)?;
    }
    tree.add(object)
}

fn edit(mta: &Mta, edit: impl FnOnce(&mut Directory) -> Result<(), DirectoryError>) {
    mta.node.directory.edit("a test", 1, edit).unwrap();
}

fn away(tree: &mut Directory) -> Result<(), DirectoryError> {
    let target: &[&str] = &["SMTP:anna@west.demo.test"];
    add(tree, "away", Class::CustomRecipient, &[("targetAddress", target)])
}

async fn settled(mta: &Mta) {
    until(|| mta.node.queue.view(|queue, _| queue.is_empty()).then_some(())).await;
}

fn count(mails: &[Vec<u8>], text: &str) -> usize {
    let has = |mail: &&Vec<u8>| String::from_utf8_lossy(mail).contains(text);
    mails.iter().filter(has).count()
}

#[tokio::test]
async fn mail_goes_to_the_alternate_recipient() {
    let (east, west) = pair(&[], &[]).await;
    east.call("WEST");
    edit(&east, |tree| {
        away(tree)?;
        let away = name("away").to_string();
        tree.change(&name("anna"), 2, |anna| anna.set("altRecipient", &[&away]))
    });
    east.submit("anna@east.demo.test", b"to whom\r\n").await;
    let mails = west.inbox(1).await;
    assert!(mails[0].ends_with(b"to whom\r\n"));
    settled(&east).await;
    // Taken away again, the next one stays.
    edit(&east, |tree| tree.change(&name("anna"), 3, |anna| anna.set("altRecipient", &[])));
    east.submit("anna@east.demo.test", b"to me\r\n").await;
    let mails = east.inbox(1).await;
    assert!(mails.len() == 1 && mails[0].ends_with(b"to me\r\n"));
    assert_eq!(west.inbox(1).await.len(), 1);
}

/// A list with one member here, one there, one that does not exist, and a list in it that has it for a member: everybody gets
/// it once, and the sender hears of the one who failed by way of the list.
#[tokio::test]
async fn a_list_is_expanded_once_and_forwards_its_reports() {
    let (east, west) = pair(&[], &[]).await;
    east.call("WEST");
    west.call("EAST");
    edit(&east, |tree| {
        away(tree)?;
        let nobody: &[&str] = &["nobody@west.demo.test"];
        add(tree, "nobody", Class::CustomRecipient, &[("targetAddress", nobody)])?;
        let names = ["anna", "away", "nobody", "inner", "all"].map(|leaf| name(leaf).to_string());
        let [anna, away, nobody, inner, all] = names.each_ref().map(String::as_str);
        let members: &[&str] = &[anna, away, nobody, inner];
        let proxies: &[&str] = &["SMTP:all@east.demo.test", "X400:c=DE;a= ;p=DEMO;o=Demo;cn=All"];
        let of_all: &[(&str, &[&str])] = &[("member", members), ("proxyAddresses", proxies)];
        add(tree, "all", Class::DistributionList, of_all)?;
        let (members, proxies): (&[&str], &[&str]) = (&[all, anna], &["SMTP:in@east.demo.test"]);
        let of_inner: &[(&str, &[&str])] = &[("member", members), ("proxyAddresses", proxies)];
        add(tree, "inner", Class::DistributionList, of_inner)
    });
    // By its O/R address.
    east.submit("\"/C=de/ADMD= /PRMD=demo/O=Demo/CN=all/\"@x400.invalid", b"to all\r\n").await;
    assert_eq!(count(&west.inbox(1).await, "to all"), 1);
    let mails = east.inbox(2).await;
    settled(&east).await;
    settled(&west).await;
    let mails = if mails.len() == 2 { east.inbox(2).await } else { mails };
    assert_eq!((mails.len(), count(&mails, "nobody@west.demo.test")), (2, 1));
    assert_eq!(mails.iter().filter(|mail| mail.ends_with(b"to all\r\n")).count(), 1);
    assert_eq!(west.inbox(1).await.len(), 1);
}

fn foreign(recipient: &str, extensions: Vec<ExtensionField>) -> Vec<u8> {
    let domain: x400::GlobalDomainIdentifier = x400::GlobalDomainIdentifier {
        country: "XX".to_owned(),
        admd: " ".to_owned(),
        prmd: Some("OTHER".to_owned()),
    };
    let supplied = SuppliedInformation::relayed(Timestamp::now());
    let envelope = MessageTransferEnvelope {
        mts_identifier: "c=XX;a= ;p=OTHER;l=1".parse().unwrap(),
        originator: "/C=XX/ADMD= /PRMD=OTHER/DD.RFC-822=jo(a)west.demo.test/".parse().unwrap(),
        original_eits: None,
        content_type: ContentType::BuiltIn(0),
        content_identifier: None,
        priority: Priority::Normal,
        per_message_indicators: Default::default(),
        deferred_delivery: None,
        bilateral: None,
        trace: vec![TraceElement { domain, supplied }],
        extensions: Vec::new(),
        recipients: vec![PerRecipientFields {
            recipient: recipient.parse().unwrap(),
            number: 1,
            indicators: PerRecipientIndicators {
                responsibility: true,
                mta_non_delivery_report: true,
                originator_non_delivery_report: true,
                ..PerRecipientIndicators::default()
            },
            explicit_conversion: None,
            extensions,
            unknown: Vec::new(),
        }],
        unknown: Vec::new(),
    };
    x400::encode_message(&envelope, b"Subject: x\r\n\r\nfor her\r\n")
}

/// The originator named somebody in place of a recipient who is not known here.
#[tokio::test]
async fn the_alternate_of_the_originator_gets_what_nobody_else_does() {
    let (east, _west) = pair(&[], &[]).await;
    let anna: OrName = "/C=XX/ADMD= /DD.RFC-822=anna(a)east.demo.test/".parse().unwrap();
    let number = standard::ORIGINATOR_REQUESTED_ALTERNATE_RECIPIENT;
    let alternate = ExtensionField::standard(number, |encoder| encoder.raw(&anna.encode()));
    let apdu = foreign("/C=XX/ADMD= /DD.RFC-822=gone(a)east.demo.test/", vec![alternate]);
    inbound::take(&east.node, "WEST", apdu).await.unwrap();
    let mails = east.inbox(1).await;
    assert!(mails[0].ends_with(b"for her\r\n"));
    settled(&east).await;
}

/// The way out fails for good: the alternate gets the message in place of the report. Where the message's time is over the
/// report is made (`mail_comes_back...`).
#[tokio::test]
async fn the_alternate_of_the_originator_gets_what_cannot_be_sent_on() {
    let gone = listener().await.1.to_string();
    let more = [("port", gone.as_str()), ("open_retries", "1"), ("open_interval_s", "1")];
    let (mut east, _west) = pair(&more, &[]).await;
    let anna: OrName = "/C=XX/ADMD= /DD.RFC-822=anna(a)east.demo.test/".parse().unwrap();
    let number = standard::ORIGINATOR_REQUESTED_ALTERNATE_RECIPIENT;
    let alternate = ExtensionField::standard(number, |encoder| encoder.raw(&anna.encode()));
    let apdu = foreign("/C=XX/ADMD= /DD.RFC-822=far(a)west.demo.test/", vec![alternate]);
    inbound::take(&east.node, "NORTH", apdu).await.unwrap();
    east.call("WEST");
    let mails = east.inbox(1).await;
    assert!(mails[0].ends_with(b"for her\r\n"), "{}", String::from_utf8_lossy(&mails[0]));
    settled(&east).await;
    assert_eq!(east.inbox(1).await.len(), 1, "nothing was reported beside it");
    let told = east.events_until(290).await.pop().unwrap();
    assert_eq!(told.word("redirected_to"), Some("anna@east.demo.test"), "{told:?}");
}

/// Names of this domain that nobody has go to the domain's alternate where the originator allows it, and come back where not.
#[tokio::test]
async fn the_alternate_of_the_domain_gets_what_is_for_nobody() {
    let (east, west) = pair(&[("alternate_recipient", "\"anna\"")], &[]).await;
    east.call("WEST");
    let nobody = "/C=XX/ADMD= /DD.RFC-822=gone(a)east.demo.test/";
    let apdu = foreign(nobody, Vec::new());
    inbound::take(&east.node, "WEST", changed(&apdu, 1, true)).await.unwrap();
    assert!(east.inbox(1).await[0].ends_with(b"for her\r\n"));
    settled(&east).await;
    assert_eq!(east.inbox(1).await.len(), 1);
    // Not allowed; and a name of another domain that there is no way to.
    inbound::take(&east.node, "WEST", changed(&apdu, 2, false)).await.unwrap();
    let elsewhere = "/C=XX/ADMD= /DD.RFC-822=gone(a)nowhere.test/";
    let apdu = foreign(elsewhere, Vec::new());
    inbound::take(&east.node, "WEST", changed(&apdu, 3, true)).await.unwrap();
    settled(&east).await;
    assert_eq!(east.inbox(1).await.len(), 1, "nothing more came here");
    drop(west);
}

/// The same message under another identifier, an alternate recipient allowed or not.
fn changed(apdu: &[u8], number: u32, allowed: bool) -> Vec<u8> {
    let x400::MtsApdu::Message(mut message) = x400::MtsApdu::decode(apdu).unwrap() else {
        panic!("a message")
    };
    message.envelope.mts_identifier = format!("c=XX;a= ;p=OTHER;l={number}").parse().unwrap();
    message.envelope.per_message_indicators.bytes = vec![if allowed { 0x20 } else { 0 }];
    let bit = MessageTransferEnvelope::ALTERNATE_RECIPIENT_ALLOWED;
    assert_eq!(message.envelope.per_message_indicators.bit(bit), allowed);
    x400::MtsApdu::Message(message).encode()
}

/// Who may send to a list says the list: by name, or as a member of another list.
#[tokio::test]
async fn who_may_not_send_to_a_list_hears_so() {
    let (east, _west) = pair(&[], &[]).await;
    edit(&east, |tree| {
        let names = ["anna", "staff"].map(|leaf| name(leaf).to_string());
        let [anna, staff] = names.each_ref().map(String::as_str);
        if tree.get(&name("anna")).is_err() {
            add(tree, "anna", Class::Mailbox, &[])?;
        }
        add(tree, "staff", Class::DistributionList, &[("member", &[anna])])?;
        let proxies: &[&str] = &["SMTP:all@east.demo.test"];
        let of: &[(&str, &[&str])] =
            &[("member", &[anna]), ("proxyAddresses", proxies), ("dLMemSubmitPerms", &[staff])];
        add(tree, "all", Class::DistributionList, of)
    });
    // anna@east.demo.test is the sender.
    east.submit("all@east.demo.test", b"of the staff\r\n").await;
    let mails = east.inbox(1).await;
    assert!(mails[0].ends_with(b"of the staff\r\n"), "{}", String::from_utf8_lossy(&mails[0]));
    settled(&east).await;
    let never = name("anna").to_string();
    edit(&east, |tree| tree.change(&name("all"), 4, |all| all.set("unauthOrig", &[&never])));
    east.submit("all@east.demo.test", b"not any more\r\n").await;
    let mails = east.inbox(2).await;
    assert_eq!(count(&mails, "Status: 5.7.1"), 1, "a report with 1/29 as RFC 2156 maps it");
    // The words may be folded anywhere.
    let words = |mail: &Vec<u8>| {
        String::from_utf8_lossy(mail).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let why = "may not send to the distribution list";
    let report = mails.iter().map(words).find(|mail| mail.contains("Status: 5.7.1")).unwrap();
    assert!(report.contains(why), "{report}");
}
