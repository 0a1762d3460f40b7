use super::*;
use crate::catalog::{Acl, AclItem};
use crate::ids::ServerVersion;

fn role(name: &str) -> Role {
    Role::new(Oid(20_000 + u32::from(name.as_bytes()[0])), name)
}

fn membership(role: &str, member: &str, grantor: &str, admin: bool) -> Membership {
    Membership {
        oid: Oid(1),
        role: role.into(),
        member: member.into(),
        grantor: Some(grantor.into()),
        admin,
        inherit: Some(true),
        set: Some(true),
    }
}

fn item(grantee: &str, privilege: &str, grantor: &str) -> AclItem {
    let grantee = (!grantee.is_empty()).then(|| grantee.to_owned());
    AclItem { grantee, grantor: grantor.into(), privilege: privilege.into(), grantable: false }
}

fn globals() -> Globals {
    Globals { bootstrap: "postgres".into(), ..Globals::default() }
}

/// What an entry is, whatever the target.
fn identities(globals: &Globals, major: u32) -> Vec<(u32, Option<ObjectId>, EntryKind, String)> {
    let entries = numbered(globals, Dialect { target: ServerVersion::from_major(major) });
    entries.into_iter().map(|(_, entry)| (entry.id, entry.object, entry.kind, entry.name)).collect()
}

/// Statements and losses.
fn written(globals: &Globals, major: u32) -> (Vec<String>, Vec<String>) {
    let entries = numbered(globals, Dialect { target: ServerVersion::from_major(major) });
    for (place, (_, entry)) in entries.iter().enumerate() {
        assert_eq!(entry.id as usize, place + 1);
        assert!(entry.is_about_cluster() && !entry.is_about_database(), "{entry:?}");
    }
    assert_eq!(identities(globals, major), identities(globals, 18));
    let losses = entries.iter().flat_map(|(_, entry)| entry.losses.clone()).collect();
    (entries.into_iter().flat_map(|(_, entry)| entry.create).collect(), losses)
}

#[test]
fn roles_with_every_attribute_and_hard_names() {
    let full = Role {
        superuser: true,
        inherit: false,
        create_role: true,
        create_db: true,
        login: true,
        replication: true,
        bypass_rls: true,
        connection_limit: 5,
        valid_until: Some("2030-01-01 00:00:00+00".into()),
        password: Some("SCRAM-SHA-256$4096:x".into()),
        settings: vec![("search_path".into(), "a, \"B c\"".into()), ("x.y".into(), "it's".into())],
        comment: Some("c'".into()),
        labels: vec![("dummy".into(), "l".into())],
        ..role("we\"ird, ü")
    };
    let globals = Globals {
        roles: vec![role("plain"), role("user"), full],
        settings: vec![("work_mem".into(), "5MB".into())],
        ..globals()
    };
    let expected = [
        "CREATE ROLE plain",
        "CREATE ROLE \"user\"",
        "CREATE ROLE \"we\"\"ird, ü\" WITH SUPERUSER NOINHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS \
         CONNECTION LIMIT 5 VALID UNTIL '2030-01-01 00:00:00+00'",
        "ALTER ROLE \"we\"\"ird, ü\" PASSWORD 'SCRAM-SHA-256$4096:x'",
        "COMMENT ON ROLE \"we\"\"ird, ü\" IS 'c'''",
        "SECURITY LABEL FOR dummy ON ROLE \"we\"\"ird, ü\" IS 'l'",
        "ALTER ROLE ALL SET work_mem TO '5MB'",
        "ALTER ROLE \"we\"\"ird, ü\" SET search_path TO 'a', 'B c'",
        "ALTER ROLE \"we\"\"ird, ü\" SET x.y TO 'it''s'",
    ];
    for major in 14..=18 {
        let (create, losses) = written(&globals, major);
        assert_eq!(create, expected);
        assert!(losses.is_empty(), "{losses:?}");
    }
    let entries = numbered(&globals, Dialect { target: ServerVersion::from_major(18) });
    let secret: Vec<&str> = entries.iter().filter(|(_, e)| e.secret).map(|(_, entry)| entry.desc.as_str()).collect();
    assert_eq!(secret, ["ROLE PASSWORD"]);
    assert!(!format!("{entries:?}").contains("SCRAM"), "{entries:?}");
}

#[test]
fn grantors_hold_the_admin_option_before_they_grant() {
    // By name alone, a would grant first.
    let chain = vec![
        membership("r", "a", "b", false),
        membership("r", "b", "c", true),
        membership("r", "c", "postgres", true),
        membership("q", "x", "postgres", false),
    ];
    let expected = [
        "GRANT q TO x WITH INHERIT TRUE",
        "GRANT r TO c WITH ADMIN OPTION, INHERIT TRUE",
        "GRANT r TO b WITH ADMIN OPTION, INHERIT TRUE GRANTED BY c",
        "GRANT r TO a WITH INHERIT TRUE GRANTED BY b",
    ];
    let mut shuffled = chain.clone();
    shuffled.reverse();
    for memberships in [chain, shuffled] {
        assert_eq!(written(&Globals { memberships, ..globals() }, 18).0, expected);
    }
    // Nobody could have made these; they are still written, once.
    let circle = vec![membership("r", "a", "b", true), membership("r", "b", "a", true)];
    assert_eq!(written(&Globals { memberships: circle, ..globals() }, 18).0.len(), 2);
}

#[test]
fn options_of_memberships_are_lost_before_16_where_they_differ() {
    let closed = Membership { inherit: Some(false), set: Some(false), ..membership("r", "m", "g", false) };
    let twice = membership("r", "m", "h", true);
    let globals = Globals {
        roles: vec![role("m"), Role { inherit: false, ..role("n") }],
        memberships: vec![
            closed,
            twice,
            Membership { inherit: Some(false), ..membership("r", "n", "postgres", false) },
        ],
        ..globals()
    };
    let (create, losses) = written(&globals, 16);
    let expected = [
        "CREATE ROLE m",
        "CREATE ROLE n WITH NOINHERIT",
        "GRANT r TO n WITH INHERIT FALSE",
        "GRANT r TO m WITH INHERIT FALSE, SET FALSE GRANTED BY g",
        "GRANT r TO m WITH ADMIN OPTION, INHERIT TRUE GRANTED BY h",
    ];
    assert_eq!((create, losses.len()), (expected.map(str::to_owned).to_vec(), 0));
    for major in [14, 15] {
        let (create, losses) = written(&globals, major);
        let expected = ["GRANT r TO n", "GRANT r TO m GRANTED BY g", "GRANT r TO m WITH ADMIN OPTION GRANTED BY h"];
        assert_eq!(create[2..], expected);
        let lost = [
            "INHERIT FALSE: there the member's own attribute decides",
            "SET FALSE: there every member may SET ROLE",
            "a second grant of the same: that version keeps one",
        ];
        assert_eq!(losses, lost);
    }
}

#[test]
fn memberships_of_older_sources_name_no_grantor_and_no_option() {
    let old = Membership { grantor: None, inherit: None, set: None, ..membership("pg_monitor", "m", "", true) };
    let globals = Globals { memberships: vec![old], ..globals() };
    for major in 14..=18 {
        assert_eq!(written(&globals, major).0, ["GRANT pg_monitor TO m WITH ADMIN OPTION"]);
    }
}

#[test]
fn predefined_roles_that_the_target_lacks_are_losses() {
    for (name, since) in
        [("pg_checkpoint", 15), ("pg_create_subscription", 16), ("pg_maintain", 17), ("pg_monitor", 14)]
    {
        let globals = Globals { memberships: vec![membership(name, "m", "postgres", false)], ..globals() };
        for major in 14..=18 {
            let (create, losses) = written(&globals, major);
            assert_eq!((create.len(), losses.len()), if major < since { (0, 1) } else { (1, 0) }, "{name} {major}");
        }
    }
}

#[test]
fn privileges_on_parameters_since_15() {
    let own = [item("postgres", "SET", "postgres"), item("postgres", "ALTER SYSTEM", "postgres")];
    let more = [item("r", "SET", "postgres"), item("", "ALTER SYSTEM", "postgres")];
    let acl = Acl { initial: own.to_vec(), current: [own, more].concat(), ..Acl::default() };
    let parameter = Parameter { oid: Oid(3), name: "my.Param".into(), acl };
    let globals = Globals { parameters: vec![parameter], ..globals() };
    let expected =
        ["GRANT SET ON PARAMETER my.\"Param\" TO r", "GRANT ALTER SYSTEM ON PARAMETER my.\"Param\" TO PUBLIC"];
    assert_eq!(written(&globals, 15), (expected.map(str::to_owned).to_vec(), Vec::new()));
    assert_eq!(written(&globals, 14), (Vec::new(), vec!["that version has no privileges on parameters".to_owned()]));
}

#[test]
fn tablespaces_are_made_by_one_statement() {
    let own = item("o", "CREATE", "o");
    let tablespace = Tablespace {
        oid: Oid(4),
        name: "Fast".into(),
        owner: Some("o".into()),
        location: "/disks/it's".into(),
        options: vec![("random_page_cost".into(), "1.1".into())],
        acl: Some(Acl { initial: vec![own.clone()], current: vec![own, item("r", "CREATE", "o")], ..Acl::default() }),
        comment: Some("c".into()),
        labels: Vec::new(),
    };
    let globals = Globals { tablespaces: vec![tablespace], ..globals() };
    let expected = [
        "CREATE TABLESPACE \"Fast\" OWNER o LOCATION '/disks/it''s' WITH (random_page_cost = '1.1')",
        "COMMENT ON TABLESPACE \"Fast\" IS 'c'",
        "GRANT ALL ON TABLESPACE \"Fast\" TO r",
    ];
    assert_eq!(written(&globals, 14).0, expected);
}
