//! Vectors of RFC 3961 A.1, RFC 3962 B and RFC 8009 A.

use identity::Password;

use super::cts::Cipher;
use super::derive::{Purpose, n_fold, usage_key};
use super::*;
use crate::Etype;
use crate::testing::{hex, unhex};

#[test]
fn n_fold_as_rfc_3961_has_it() {
    for (bits, input, expected) in [
        (64, "012345", "be072631276b1955"),
        (56, "password", "78a07b6caf85fa"),
        (64, "Rough Consensus, and Running Code", "bb6ed30870b7f0e0"),
        (168, "password", "59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e"),
        (
            192,
            "MASSACHVSETTS INSTITVTE OF TECHNOLOGY",
            "db3b0d8f0b061e603282b308a50841229ad798fab9540c1b",
        ),
        (168, "Q", "518a54a215a8452a518a54a215a8452a518a54a215"),
        (168, "ba", "fb25d531ae8974499f52fd92ea9857c4ba24cf297e"),
        (64, "kerberos", "6b65726265726f73"),
        (128, "kerberos", "6b65726265726f737b9b5b2b93132b93"),
    ] {
        assert_eq!(hex(&n_fold(input.as_bytes(), bits / 8)), expected, "{bits}-fold({input})");
    }
}

#[test]
fn keys_from_passwords_as_rfc_3962_has_them() {
    let salt = b"ATHENA.MIT.EDUraeburn";
    for (rounds, short, long) in [
        (
            1u32,
            "42263c6e89f4fc28b8df68ee09799f15",
            "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161",
        ),
        (
            2,
            "c651bf29e2300ac27fa469d693bdda13",
            "a2e16d16b36069c135d5e9d2e25f896102685618b95914b467c67622225824ff",
        ),
        (
            1200,
            "4c01cd46d632d01e6dbe230a01ed642a",
            "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a",
        ),
    ] {
        let key = |etype| {
            let parameters = rounds.to_be_bytes();
            let password = Password::from("password");
            hex(string_to_key(etype, &password, salt, Some(&parameters)).unwrap().expose())
        };
        assert_eq!(key(Etype::Aes128Sha1), short);
        assert_eq!(key(Etype::Aes256Sha1), long);
    }
}

#[test]
fn keys_from_passwords_as_rfc_8009_has_them() {
    let salt = [unhex("10df9dd783e5bc8acea1730e74355f61"), b"ATHENA.MIT.EDUraeburn".to_vec()];
    let salt = salt.concat();
    let key = |etype| {
        hex(string_to_key(etype, &Password::from("password"), &salt, None).unwrap().expose())
    };
    assert_eq!(key(Etype::Aes128Sha256), "089bca48b105ea6ea77ca5d2f39dc5e7");
    assert_eq!(
        key(Etype::Aes256Sha384),
        "45bd806dbf6a833a9cffc1c94589a222367a79bc21c413718906e9f578a78467"
    );
}

#[test]
fn parameters_of_a_hostile_server_are_refused() {
    let ask = |parameters: &[u8]| {
        string_to_key(Etype::Aes256Sha1, &Password::from("x"), b"s", Some(parameters)).unwrap_err()
    };
    assert_eq!(ask(&[0, 0, 1]), StringToKeyError::Length(3));
    assert_eq!(ask(&[0; 4]), StringToKeyError::Iterations(0));
    assert_eq!(ask(&[0xff; 4]), StringToKeyError::Iterations(u32::MAX));
}

#[test]
fn ciphertext_stealing_as_rfc_3962_has_it() {
    let cipher = Cipher::new(b"chicken teriyaki");
    let text = b"I would like the General Gau's Chicken, please, and wonton soup.";
    for (length, expected) in [
        (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
        (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
        (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
        (
            47,
            "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e\
             39312523a78662d5be7fcbcc98ebf5",
        ),
        (
            64,
            "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8\
             4807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
        ),
    ] {
        let mut data = text[..length].to_vec();
        cipher.encrypt(&mut data);
        assert_eq!(hex(&data), expected, "{length} octets");
        cipher.decrypt(&mut data);
        assert_eq!(data, text[..length]);
    }
    for length in 16..=text.len() {
        let mut data = text[..length].to_vec();
        cipher.encrypt(&mut data);
        cipher.decrypt(&mut data);
        assert_eq!(data, text[..length]);
    }
}

#[test]
fn derived_keys_and_checksums_as_rfc_8009_has_them() {
    let short = unhex("3705d96080c17728a0e800eab6e0d23c");
    let long = unhex("6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52");
    for (etype, key, purpose, expected) in [
        (Etype::Aes128Sha256, &short, Purpose::Checksum, "b31a018a48f54776f403e9a396325dc3"),
        (Etype::Aes128Sha256, &short, Purpose::Encryption, "9b197dd1e8c5609d6e67c3e37c62c72e"),
        (Etype::Aes128Sha256, &short, Purpose::Integrity, "9fda0e56ab2d85e1569a688696c26a6c"),
        (
            Etype::Aes256Sha384,
            &long,
            Purpose::Checksum,
            "ef5718be86cc84963d8bbb5031e9f5c4ba41f28faf69e73d",
        ),
        (
            Etype::Aes256Sha384,
            &long,
            Purpose::Encryption,
            "56ab22bee63d82d7bc5227f6773f8ea7a5eb1c825160c38312980c442e5c7e49",
        ),
        (
            Etype::Aes256Sha384,
            &long,
            Purpose::Integrity,
            "69b16514e3cd8e56b82010d5c73012b622c4d00ffc23ed1f",
        ),
    ] {
        assert_eq!(hex(&usage_key(etype, key, 2, purpose)), expected, "{etype} {purpose:?}");
    }
    let text: Vec<u8> = (0..=0x14).collect();
    let sum = |etype: Etype, key: &[u8]| {
        hex(&Key::new(etype.number(), key).unwrap().for_usage(2).checksum(&[&text]))
    };
    assert_eq!(sum(Etype::Aes128Sha256, &short), "d78367186643d67b411cba9139fc1dee");
    let expected = "45ee791567eefca37f4ac1e0222de80d43c3bfa06699672a";
    assert_eq!(sum(Etype::Aes256Sha384, &long), expected);
    let key = Key::new(19, &short).unwrap();
    let confounder = unhex("7e5895eaf2672435bad817f545a37148").try_into().unwrap();
    let expected = "ef85fb890bb8472f4dab20394dca781dad877eda39d50c870c0d5a0a8e48c718";
    assert_eq!(hex(&key.encrypt(2, confounder, &[])), expected);
}

#[test]
fn what_was_changed_or_cut_is_refused() {
    for etype in Etype::PREFERRED {
        let key = Key::from_random(etype, &[7; 32]);
        let other = Key::from_random(etype, &[8; 32]);
        let cipher = key.encrypt(3, [9; 16], b"the quick brown fox jumps over it");
        assert_eq!(&**key.decrypt(3, &cipher).unwrap(), b"the quick brown fox jumps over it");
        assert_eq!(key.decrypt(4, &cipher).unwrap_err(), Wrong);
        assert_eq!(other.decrypt(3, &cipher).unwrap_err(), Wrong);
        for at in 0..cipher.len() {
            let mut bad = cipher.clone();
            bad[at] ^= 1;
            key.decrypt(3, &bad).unwrap_err();
            key.decrypt(3, &cipher[..at]).unwrap_err();
        }
    }
}

#[test]
fn no_key_is_printed_and_no_other_kind_taken() {
    let key = Key::from_random(Etype::Aes128Sha1, &[0xab; 32]);
    assert_eq!(format!("{key:?}"), "Key(aes128-cts-hmac-sha1-96)");
    assert_eq!(Key::new(23, &[0; 16]).unwrap_err(), KeyError::Etype(23));
    assert!(Key::new(23, &[]).unwrap_err().to_string().contains("RC4"));
    Key::new(18, &[0; 16]).unwrap_err();
}
