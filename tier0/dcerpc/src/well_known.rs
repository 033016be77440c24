//! Names of interfaces that one meets on servers.

use crate::uuid::Uuid;

/// The X.400 MTA of the product whose mail this one carries on.
pub const ORIGINAL_MTA: Uuid = Uuid::from_u128(0x9e8ee830_4459_11ce_979b_00aa005ffebe);

/// By identifier.
static NAMES: &[(u128, &str)] = &[
    (0x00000131_0000_0000_c000_000000000046, "IRemUnknown (DCOM)"),
    (0x00000136_0000_0000_c000_000000000046, "ISystemActivator (DCOM)"),
    (0x12345678_1234_abcd_ef00_0123456789ab, "spoolss (printing)"),
    (0x12345678_1234_abcd_ef00_01234567cffb, "netlogon (domain logon)"),
    (0x12345778_1234_abcd_ef00_0123456789ab, "lsarpc (local security authority)"),
    (0x12345778_1234_abcd_ef00_0123456789ac, "samr (account database)"),
    (0x1ff70682_0a51_30e8_076d_740be8cee98b, "atsvc (scheduled tasks)"),
    (0x338cd001_2244_31f1_aaaa_900038001003, "winreg (registry)"),
    (0x367abb81_9844_35f1_ad32_98f038001003, "svcctl (services)"),
    (0x3919286a_b10c_11d0_9ba8_00c04fd92ef5, "dssetup (directory roles)"),
    (0x4b324fc8_1670_01d3_1278_5a47bf6ee188, "srvsvc (shares)"),
    (0x4fc742e0_4a10_11cf_8273_00aa004ae673, "netdfs (distributed file system)"),
    (0x50abc2a4_574d_40b3_9d66_ee4fd5fba076, "dnsserver (DNS administration)"),
    (0x5a7b91f8_ff00_11d0_a9b2_00c04fb6e6fc, "msgsvcsend (messenger)"),
    (0x60a15ec5_4de8_11d7_a637_005056a20182, "rpcecho (calls to try with)"),
    (0x6bffd098_a112_3610_9833_46c3f87e345a, "wkssvc (workstation)"),
    (0x6f8d2c1a_3e57_4b0e_9c64_a1d05be27f93, "Bindback MTA"),
    (0x82273fdc_e32a_18c3_3f78_827929dc23ea, "eventlog (event log)"),
    (0x894de0c0_0d55_11d3_a322_00c04fa321a1, "initshutdown (remote shutdown)"),
    (0x8a885d04_1ceb_11c9_9fe8_08002b104860, "NDR (a representation, no interface)"),
    (0x99fcfec4_5260_101b_bbcb_00aa0021347a, "IObjectExporter (DCOM)"),
    (0x9e8ee830_4459_11ce_979b_00aa005ffebe, "Exchange MTA (X.400 message transfer agent)"),
    (0xa4f1db00_ca47_1067_b31f_00dd010662da, "Exchange store (MAPI mailbox and public folders)"),
    (0xafa8bd80_7d8a_11c9_bef4_08002b102989, "mgmt (management of an RPC server)"),
    (0xe1af8308_5d1f_11c9_91a4_08002b14a0fa, "epmapper (endpoint mapper)"),
    (0xe3514235_4b06_11d1_ab04_00c04fc2dcd2, "drsuapi (directory replication)"),
    (0xf5cc5a18_4264_101a_8c59_08002b2f8426, "NSPI (address book)"),
    (0xf5cc59b4_4264_101a_8c59_08002b2f8426, "FRS (file replication)"),
];

/// What an interface is called.
#[must_use]
pub fn name(uuid: Uuid) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| Uuid::from_u128(*known) == uuid).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_known_and_none_stands_twice() {
        for uuid in [
            ORIGINAL_MTA,
            crate::epm::INTERFACE.uuid,
            crate::mgmt::INTERFACE.uuid,
            crate::echo::INTERFACE.uuid,
        ] {
            assert!(name(uuid).is_some(), "{uuid}");
        }
        assert_eq!(name(Uuid::NIL), None);
        let mut known: Vec<u128> = NAMES.iter().map(|(uuid, _)| *uuid).collect();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), NAMES.len());
    }
}
