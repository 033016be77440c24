//! What a content is made of, as an envelope says it (X.411 8.2.1.1.1.9 `EncodedInformationTypes`, X.420 Annex I).

use std::collections::BTreeSet;

use ber::{BitString, Encoder, Tag};
use x400::Raw;

use super::oid;

/// Bit of ia5-text among the built-in types.
const IA5_TEXT: usize = 2;
/// `id-cs-eit-authority`; the registration of a character set stands behind it.
const CHARACTER_SET: &[u128] = &[1, 0, 10021, 7, 1, 0];
/// `id-eit-file-transfer`.
const FILE_TRANSFER: &[u128] = &[2, 6, 1, 12, 0];

#[derive(Debug, Default)]
pub(super) struct InformationTypes {
    pub ia5_text: bool,
    /// Registrations of the sets of general texts.
    pub sets: BTreeSet<i64>,
    pub files: bool,
}

impl InformationTypes {
    #[expect(clippy::expect_used, reason = "an encoder writes whole elements")]
    pub fn encode(&self) -> Raw {
        let mut encoder = Encoder::new();
        encoder.constructed(Tag::application(5), |encoder| {
            let mut bits = [false; IA5_TEXT + 1];
            bits[IA5_TEXT] = self.ia5_text;
            encoder.bits(Tag::context(0), &BitString::from_bits(&bits));
            if self.files || !self.sets.is_empty() {
                encoder.constructed(Tag::context(4), |encoder| self.extended(encoder));
            }
        });
        Raw::new(encoder.finish()).expect("one element")
    }

    fn extended(&self, encoder: &mut Encoder) {
        for number in &self.sets {
            let number = number.unsigned_abs().into();
            encoder.oid(Tag::OBJECT_IDENTIFIER, &oid(&[CHARACTER_SET, &[number]].concat()));
        }
        if self.files {
            encoder.oid(Tag::OBJECT_IDENTIFIER, &oid(FILE_TRANSFER));
        }
    }
}
