//! Edits that would leave an address twice, an address that is none, or a member that does not exist.

use admin::directory_api::{DirectoryOrder, Mode, SetOrder};
use admin::{OperationError, Operations as _};
use tempfile::TempDir;

use super::fixture::configuration;
use crate::operations::Offline;

const LIST: &str = "/O=Demo/OU=HQ/CN=Recipients/CN=everybody";
const ANNA: &str = "/O=Demo/OU=HQ/CN=Recipients/CN=anna";

fn order(attribute: &str, value: &str) -> SetOrder {
    SetOrder {
        object: LIST.to_owned(),
        attribute: attribute.to_owned(),
        values: vec![value.to_owned()],
        mode: Mode::Replace,
        dry_run: false,
    }
}

#[tokio::test]
async fn an_address_has_one_holder_and_a_member_exists() {
    let folder = TempDir::new().unwrap();
    let config = configuration(folder.path(), "EAST", 1135, &[("WEST", 1136)]);
    let server = Offline::open(config).unwrap();
    let class = "distribution-list".to_owned();
    server.directory(DirectoryOrder::Add { object: LIST.to_owned(), class }).await.unwrap();
    for (attribute, value, says) in [
        ("proxyAddresses", "SMTP:anna@east.demo.test", "CN=anna has it"),
        ("proxyAddresses", "smtp:\"anna\"@EAST.demo.test", "CN=anna has it"),
        ("proxyAddresses", "bogus", "it takes TYPE:ADDRESS"),
        ("proxyAddresses", "SMTP:anna", "it takes TYPE:ADDRESS"),
        ("proxyAddresses", "X400:rubbish", "it takes TYPE:ADDRESS"),
        ("member", "/O=Demo/OU=HQ/CN=Recipients/CN=nobody", "an object that exists"),
    ] {
        let set = order(attribute, value);
        let dry = SetOrder { dry_run: true, ..set.clone() };
        for asked in [
            DirectoryOrder::Set(set.clone()),
            DirectoryOrder::Set(dry),
            DirectoryOrder::Stage(set.clone()),
        ] {
            let error = server.directory(asked).await.unwrap_err();
            let OperationError::Invalid(text) = &error else { panic!("{error:?}") };
            assert!(text.contains(says) && text.contains(attribute), "{text}");
        }
    }
    for (attribute, value) in [
        ("proxyAddresses", "SMTP:everybody@east.demo.test"),
        ("proxyAddresses", "X400:/C=XX/ADMD= /PRMD=DEMO/O=FIRM/S=All/"),
        ("proxyAddresses", "MS:NET/POST/ALL"),
        ("member", ANNA),
    ] {
        server.directory(DirectoryOrder::Set(order(attribute, value))).await.unwrap();
    }
    // An import is held to the same, in its trial too.
    let export = server.directory(DirectoryOrder::Export).await.unwrap().ldif.unwrap();
    let doubled = export.replace("MS:NET/POST/ALL", "smtp:anna@east.demo.test");
    assert_ne!(doubled, export);
    for dry_run in [true, false] {
        let import = DirectoryOrder::Import { ldif: doubled.clone(), dry_run };
        let error = server.directory(import).await.unwrap_err();
        assert!(error.to_string().contains("CN=anna has it"), "{error}");
    }
}
