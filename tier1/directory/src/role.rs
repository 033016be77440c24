//! Roles: named sets of rights that are granted and revoked together.

use std::fmt;
use std::str::FromStr;

use identity::descriptor::rights::{
    DELETE, DS_CONTROL_ACCESS, DS_CREATE_CHILD, DS_DELETE_CHILD, DS_DELETE_TREE, DS_LIST,
    DS_LIST_OBJECT, DS_READ_PROP, DS_SELF, DS_WRITE_PROP, READ_CONTROL, WRITE_DAC, WRITE_OWNER,
};
use identity::{Ace, AceFlags, Guid, Sid};

/// The extended right to act as another server's message transfer agent: bind, be bound back to, transfer. Ours.
pub const ACT_AS_MTA: Guid = Guid::new(0x6c1e_6c0a_51f4_4d3c_9a53_2f6d_90b1_7e44);
/// The extended right Send As (MS-ADTS 5.1.3.2.1).
pub const SEND_AS: Guid = Guid::new(0xab72_1a54_1e2f_11d0_9819_00aa_0040_529b);
/// schemaIDGUID of the attribute nTSecurityDescriptor (MS-ADA3).
pub const NT_SECURITY_DESCRIPTOR: Guid = Guid::new(0xbf96_79e3_0de6_11d0_a285_00aa_0030_49e2);

const VIEW: u32 = READ_CONTROL | DS_LIST | DS_READ_PROP | DS_LIST_OBJECT;
const ADMIN: u32 = VIEW | DS_CREATE_CHILD | DS_DELETE_CHILD | DELETE | DS_WRITE_PROP | DS_SELF;
const PERMISSIONS: u32 = ADMIN | WRITE_DAC;
const SERVICE: u32 = PERMISSIONS | WRITE_OWNER | DS_DELETE_TREE | DS_CONTROL_ACCESS;

/// A named set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees everything, changes nothing.
    ViewOnlyAdmin,
    /// Makes, changes and removes objects.
    Admin,
    /// Changes permissions too.
    PermissionsAdmin,
    /// Everything, every extended right included: what a service account has.
    ServiceAccountAdmin,
    /// Sends in the name of the object.
    SendAs,
}

impl Role {
    /// Every role, in the order in which help texts list them.
    pub const ALL: [Self; 5] = [
        Self::ViewOnlyAdmin,
        Self::Admin,
        Self::PermissionsAdmin,
        Self::ServiceAccountAdmin,
        Self::SendAs,
    ];

    /// The name in commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ViewOnlyAdmin => "view-only-admin",
            Self::Admin => "admin",
            Self::PermissionsAdmin => "permissions-admin",
            Self::ServiceAccountAdmin => "service-account-admin",
            Self::SendAs => "send-as",
        }
    }

    /// The rights, and the extended right where it is only one.
    #[must_use]
    pub const fn rights(self) -> (u32, Option<Guid>) {
        match self {
            Self::ViewOnlyAdmin => (VIEW, None),
            Self::Admin => (ADMIN, None),
            Self::PermissionsAdmin => (PERMISSIONS, None),
            Self::ServiceAccountAdmin => (SERVICE, None),
            Self::SendAs => (DS_CONTROL_ACCESS, Some(SEND_AS)),
        }
    }

    /// The entry that grants it.
    #[must_use]
    pub fn ace(self, sid: &Sid, inherit: bool) -> Ace {
        let ace = match self.rights() {
            (mask, Some(right)) => Ace::allow_object(sid.clone(), mask, right),
            (mask, None) => Ace::allow(sid.clone(), mask),
        };
        let flags = if inherit {
            AceFlags::CONTAINER_INHERIT.with(AceFlags::OBJECT_INHERIT)
        } else {
            AceFlags::default()
        };
        ace.flagged(flags)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = text.trim().to_lowercase().replace([' ', '_'], "-");
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|role| role.as_str()).collect();
            format!("no role is named {text:?}; there are {}", all.join(", "))
        })
    }
}
