//! The cluster's own objects: `pg_authid` or `pg_roles`, `pg_auth_members`, `pg_db_role_setting`, `pg_tablespace`,
//! `pg_parameter_acl`, with `pg_shdescription` and `pg_shseclabel`. Every role may read them all, but for the hashes of
//! passwords: those only superusers and members of `pg_read_all_data` see.

use serde::Deserialize;
use tokio_postgres::error::SqlState;

use super::acl::exploded;
use super::database::{labels, one, split_setting};
use super::rows::rows;
use super::{Client, Feature, Features, IntrospectError};
use crate::catalog::globals::{Globals, Membership, Parameter, Role, Tablespace};
use crate::catalog::{Acl, AclItem};
use crate::ids::Oid;

#[derive(Deserialize)]
struct Bootstrap {
    name: String,
}

#[derive(Deserialize)]
struct RoleRow {
    oid: u32,
    name: String,
    superuser: bool,
    inherit: bool,
    create_role: bool,
    create_db: bool,
    login: bool,
    replication: bool,
    bypass_rls: bool,
    connection_limit: i32,
    valid_until: Option<String>,
    #[serde(default)]
    password: Option<String>,
    settings: Option<Vec<String>>,
    comment: Option<String>,
    labels: Option<Vec<(String, String)>>,
}

#[derive(Deserialize)]
struct MembershipRow {
    oid: u32,
    role: String,
    member: String,
    admin: bool,
    #[serde(default)]
    grantor: Option<String>,
    #[serde(default)]
    inherit: Option<bool>,
    #[serde(default)]
    set: Option<bool>,
}

#[derive(Deserialize)]
struct SettingRow {
    setting: String,
}

#[derive(Deserialize)]
struct ParameterRow {
    oid: u32,
    name: String,
    current: Option<Vec<AclItem>>,
    initial: Option<Vec<AclItem>>,
}

#[derive(Deserialize)]
struct TablespaceRow {
    oid: u32,
    name: String,
    owner: String,
    location: String,
    options: Option<Vec<String>>,
    current: Option<Vec<AclItem>>,
    initial: Option<Vec<AclItem>>,
    comment: Option<String>,
    labels: Option<Vec<(String, String)>>,
}

/// Reads the cluster's own objects, in a session as [`super::read`] wants it. `passwords` asks for the hashes too.
///
/// # Errors
/// [`IntrospectError::Passwords`] if the server refuses the hashes.
pub async fn read(client: &Client<'_>, features: &Features, passwords: bool) -> Result<Globals, IntrospectError> {
    let bootstrap = "SELECT pg_catalog.pg_get_userbyid(10) AS name";
    Ok(Globals {
        bootstrap: one::<Bootstrap>(client, "the bootstrap superuser", bootstrap).await?.name,
        passwords,
        roles: roles(client, passwords).await?,
        settings: settings(client).await?,
        memberships: memberships(client, features).await?,
        parameters: if features.has(Feature::ParameterPrivileges) { parameters(client).await? } else { Vec::new() },
        tablespaces: tablespaces(client).await?,
    })
}

async fn roles(client: &Client<'_>, passwords: bool) -> Result<Vec<Role>, IntrospectError> {
    let (catalog, password) = if passwords { ("pg_authid", ", r.rolpassword AS password") } else { ("pg_roles", "") };
    let query = format!(
        "SELECT r.oid::int8 AS oid, r.rolname AS name, r.rolsuper AS superuser, r.rolinherit AS inherit,
                r.rolcreaterole AS create_role, r.rolcreatedb AS create_db, r.rolcanlogin AS login,
                r.rolreplication AS replication, r.rolbypassrls AS bypass_rls, r.rolconnlimit AS connection_limit,
                r.rolvaliduntil::pg_catalog.text AS valid_until{password},
                (SELECT pg_catalog.to_json(s.setconfig) FROM pg_catalog.pg_db_role_setting s
                  WHERE s.setdatabase = 0 AND s.setrole = r.oid) AS settings,
                pg_catalog.shobj_description(r.oid, 'pg_authid') AS comment, {labels} AS labels
           FROM pg_catalog.{catalog} r WHERE r.rolname !~ '^pg_' ORDER BY r.rolname",
        labels = labels("pg_authid", "r.oid"),
    );
    match rows::<RoleRow>(client, "roles", &query).await {
        Ok(rows) => Ok(rows.into_iter().map(role).collect()),
        Err(IntrospectError::Query(error)) if passwords && error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Err(IntrospectError::Passwords(error))
        }
        Err(error) => Err(error),
    }
}

fn role(row: RoleRow) -> Role {
    Role {
        oid: Oid(row.oid),
        name: row.name,
        superuser: row.superuser,
        inherit: row.inherit,
        create_role: row.create_role,
        create_db: row.create_db,
        login: row.login,
        replication: row.replication,
        bypass_rls: row.bypass_rls,
        connection_limit: row.connection_limit,
        valid_until: row.valid_until,
        password: row.password,
        settings: row.settings.iter().flatten().map(|setting| split_setting(setting)).collect(),
        comment: row.comment,
        labels: row.labels.unwrap_or_default(),
    }
}

/// `ALTER ROLE ALL SET`.
async fn settings(client: &Client<'_>) -> Result<Vec<(String, String)>, IntrospectError> {
    let query = "SELECT c.setting FROM pg_catalog.pg_db_role_setting s
                  CROSS JOIN pg_catalog.unnest(s.setconfig) WITH ORDINALITY c(setting, n)
                  WHERE s.setdatabase = 0 AND s.setrole = 0 ORDER BY c.n";
    let rows = rows::<SettingRow>(client, "settings of all roles", query).await?;
    Ok(rows.iter().map(|row| split_setting(&row.setting)).collect())
}

async fn memberships(client: &Client<'_>, features: &Features) -> Result<Vec<Membership>, IntrospectError> {
    let options = match features.has(Feature::MembershipOptions) {
        true => ", b.rolname AS grantor, a.inherit_option AS inherit, a.set_option AS set",
        false => "",
    };
    let query = format!(
        "SELECT g.oid::int8 AS oid, g.rolname AS role, m.rolname AS member, a.admin_option AS admin{options}
           FROM pg_catalog.pg_auth_members a
           JOIN pg_catalog.pg_roles g ON g.oid = a.roleid
           JOIN pg_catalog.pg_roles m ON m.oid = a.member
           LEFT JOIN pg_catalog.pg_roles b ON b.oid = a.grantor
          WHERE NOT (g.rolname ~ '^pg_' AND m.rolname ~ '^pg_')
          ORDER BY g.rolname, m.rolname, b.rolname"
    );
    let membership = |row: MembershipRow| Membership {
        oid: Oid(row.oid),
        role: row.role,
        member: row.member,
        grantor: row.grantor,
        admin: row.admin,
        inherit: row.inherit,
        set: row.set,
    };
    Ok(rows::<MembershipRow>(client, "role memberships", &query).await?.into_iter().map(membership).collect())
}

async fn parameters(client: &Client<'_>) -> Result<Vec<Parameter>, IntrospectError> {
    let default = "pg_catalog.acldefault('p', 10)";
    let query = format!(
        "SELECT p.oid::int8 AS oid, p.parname AS name, {current} AS current, {initial} AS initial
           FROM pg_catalog.pg_parameter_acl p ORDER BY p.parname COLLATE \"C\"",
        current = exploded(&format!("coalesce(p.paracl, {default})")),
        initial = exploded(default),
    );
    let parameter = |row: ParameterRow| Parameter {
        oid: Oid(row.oid),
        name: row.name,
        acl: Acl {
            current: row.current.unwrap_or_default(),
            initial: row.initial.unwrap_or_default(),
            ..Acl::default()
        },
    };
    let rows = rows::<ParameterRow>(client, "privileges on parameters", &query).await?;
    Ok(rows.into_iter().map(parameter).collect())
}

async fn tablespaces(client: &Client<'_>) -> Result<Vec<Tablespace>, IntrospectError> {
    let default = "pg_catalog.acldefault('t', t.spcowner)";
    // The location of a tablespace inside the data folder is a path below it.
    let query = format!(
        "SELECT t.oid::int8 AS oid, t.spcname AS name, pg_catalog.pg_get_userbyid(t.spcowner) AS owner,
                CASE WHEN l.location ~ '^pg_tblspc/' THEN '' ELSE l.location END AS location,
                pg_catalog.to_json(t.spcoptions) AS options, {current} AS current, {initial} AS initial,
                pg_catalog.shobj_description(t.oid, 'pg_tablespace') AS comment, {labels} AS labels
           FROM pg_catalog.pg_tablespace t
          CROSS JOIN LATERAL pg_catalog.pg_tablespace_location(t.oid) l(location)
          WHERE t.spcname !~ '^pg_' ORDER BY t.spcname",
        current = exploded(&format!("coalesce(t.spcacl, {default})")),
        initial = exploded(default),
        labels = labels("pg_tablespace", "t.oid"),
    );
    Ok(rows::<TablespaceRow>(client, "tablespaces", &query).await?.into_iter().map(tablespace).collect())
}

fn tablespace(row: TablespaceRow) -> Tablespace {
    let (current, initial) = (row.current.unwrap_or_default(), row.initial.unwrap_or_default());
    Tablespace {
        oid: Oid(row.oid),
        name: row.name,
        owner: Some(row.owner),
        location: row.location,
        options: row.options.iter().flatten().map(|option| split_setting(option)).collect(),
        acl: (current != initial).then(|| Acl { current, initial, ..Acl::default() }),
        comment: row.comment,
        labels: row.labels.unwrap_or_default(),
    }
}
