//! The bits of an access mask, MS-DTYP 2.4.3 and, for directory objects, MS-ADTS 5.1.3.2.

/// Delete the object.
pub const DELETE: u32 = 0x0001_0000;
/// Read the descriptor without its SACL.
pub const READ_CONTROL: u32 = 0x0002_0000;
/// Change the DACL.
pub const WRITE_DAC: u32 = 0x0004_0000;
/// Take the ownership.
pub const WRITE_OWNER: u32 = 0x0008_0000;
/// Read and change the SACL.
pub const ACCESS_SYSTEM_SECURITY: u32 = 0x0100_0000;
/// As much as there is.
pub const MAXIMUM_ALLOWED: u32 = 0x0200_0000;
/// All of the four below.
pub const GENERIC_ALL: u32 = 0x1000_0000;
/// What execution means for the object.
pub const GENERIC_EXECUTE: u32 = 0x2000_0000;
/// What writing means for the object.
pub const GENERIC_WRITE: u32 = 0x4000_0000;
/// What reading means for the object.
pub const GENERIC_READ: u32 = 0x8000_0000;
/// Every generic bit.
pub const GENERIC: u32 = 0xf000_0000;

/// Create a child.
pub const DS_CREATE_CHILD: u32 = 0x0001;
/// Delete a child.
pub const DS_DELETE_CHILD: u32 = 0x0002;
/// List the children.
pub const DS_LIST: u32 = 0x0004;
/// A validated write.
pub const DS_SELF: u32 = 0x0008;
/// Read attributes.
pub const DS_READ_PROP: u32 = 0x0010;
/// Write attributes.
pub const DS_WRITE_PROP: u32 = 0x0020;
/// Delete with all below.
pub const DS_DELETE_TREE: u32 = 0x0040;
/// See the object at all.
pub const DS_LIST_OBJECT: u32 = 0x0080;
/// An extended right.
pub const DS_CONTROL_ACCESS: u32 = 0x0100;

/// What the generic bits stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenericMapping {
    /// For [`GENERIC_READ`].
    pub read: u32,
    /// For [`GENERIC_WRITE`].
    pub write: u32,
    /// For [`GENERIC_EXECUTE`].
    pub execute: u32,
    /// For [`GENERIC_ALL`].
    pub all: u32,
}

impl GenericMapping {
    /// Directory objects, MS-ADTS 5.1.3.2.
    pub const DIRECTORY: Self = Self {
        read: READ_CONTROL | DS_LIST | DS_READ_PROP | DS_LIST_OBJECT,
        write: READ_CONTROL | DS_SELF | DS_WRITE_PROP,
        execute: READ_CONTROL | DS_LIST,
        all: DELETE | READ_CONTROL | WRITE_DAC | WRITE_OWNER | 0x01ff,
    };

    /// The mask with its generic bits replaced, as `MapGenericMask` of the Windows SDK does.
    #[must_use]
    pub fn apply(&self, mask: u32) -> u32 {
        let mut mapped = mask & !GENERIC;
        for (bit, meaning) in [
            (GENERIC_READ, self.read),
            (GENERIC_WRITE, self.write),
            (GENERIC_EXECUTE, self.execute),
            (GENERIC_ALL, self.all),
        ] {
            if mask & bit != 0 {
                mapped |= meaning;
            }
        }
        mapped
    }
}

/// One right with its letters in SDDL, MS-DTYP 2.5.1.1, and a name for people.
pub(crate) const LETTERS: &[(&str, u32, &str)] = &[
    ("CC", DS_CREATE_CHILD, "create a child"),
    ("DC", DS_DELETE_CHILD, "delete a child"),
    ("LC", DS_LIST, "list the children"),
    ("SW", DS_SELF, "validated write"),
    ("RP", DS_READ_PROP, "read attributes"),
    ("WP", DS_WRITE_PROP, "write attributes"),
    ("DT", DS_DELETE_TREE, "delete with all below"),
    ("LO", DS_LIST_OBJECT, "see the object"),
    ("CR", DS_CONTROL_ACCESS, "extended right"),
    ("SD", DELETE, "delete"),
    ("RC", READ_CONTROL, "read permissions"),
    ("WD", WRITE_DAC, "change permissions"),
    ("WO", WRITE_OWNER, "take ownership"),
    ("GA", GENERIC_ALL, "everything"),
    ("GR", GENERIC_READ, "read"),
    ("GW", GENERIC_WRITE, "write"),
    ("GX", GENERIC_EXECUTE, "execute"),
];

/// Masks that one word stands for when they are all that an entry has; read only, since the letters say the same.
pub(crate) const WORDS: &[(&str, u32)] = &[
    ("FA", 0x001f_01ff),
    ("FR", 0x0012_0089),
    ("FW", 0x0012_0116),
    ("FX", 0x0012_00a0),
    ("KA", 0x000f_003f),
    ("KR", 0x0002_0019),
    ("KW", 0x0002_0006),
    ("KX", 0x0002_0019),
];

/// The rights of a mask in words, for people.
#[must_use]
pub fn describe(mask: u32) -> String {
    let mut words: Vec<String> =
        LETTERS.iter().filter(|one| mask & one.1 != 0).map(|one| one.2.to_owned()).collect();
    let rest = LETTERS.iter().fold(mask, |rest, one| rest & !one.1);
    if rest != 0 {
        words.push(format!("{rest:#010x}"));
    }
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
