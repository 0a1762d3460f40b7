//! Privileges as PostgreSQL stores them (manual: "Privileges", `aclitem`).

use serde::{Deserialize, Serialize};

/// One grant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AclItem {
    /// Role, or `None` for PUBLIC.
    pub grantee: Option<String>,
    /// Role that granted.
    pub grantor: String,
    /// Privilege keyword as in GRANT: `SELECT`, `USAGE`, `MAINTAIN`, ….
    pub privilege: String,
    /// WITH GRANT OPTION.
    pub grantable: bool,
}

/// The privileges of one object and what they are to be compared with.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Acl {
    /// In force now (`aclexplode` of the stored ACL, or of `acldefault` where it is null).
    pub current: Vec<AclItem>,
    /// What is there right after creation: `acldefault`, or `pg_init_privs` for members of extensions and system objects.
    pub initial: Vec<AclItem>,
    /// Column ACLs: column name and grants; relations only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<(String, Vec<AclItem>)>,
    /// Column ACLs right after creation: not empty only for members of extensions and system relations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initial_columns: Vec<(String, Vec<AclItem>)>,
}
