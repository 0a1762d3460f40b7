use super::*;
use crate::ids::{Oid, ServerVersion};

fn role(name: &str) -> Role {
    Role::new(Oid(20_000 + u32::from(name.as_bytes()[0])), name)
}

fn membership(role: &str, member: &str, grantor: &str) -> Membership {
    Membership {
        oid: Oid(1),
        role: role.into(),
        member: member.into(),
        grantor: Some(grantor.into()),
        admin: false,
        inherit: Some(true),
        set: Some(true),
    }
}

fn globals(bootstrap: &str, roles: Vec<Role>) -> Globals {
    Globals { bootstrap: bootstrap.into(), roles, ..Globals::default() }
}

fn tablespace(name: &str) -> Tablespace {
    Tablespace {
        oid: Oid(4),
        name: name.into(),
        owner: Some("o".into()),
        location: "/a".into(),
        options: Vec::new(),
        acl: None,
        comment: Some("c".into()),
        labels: Vec::new(),
    }
}

fn input<'a>(dump: &'a Globals, target: &'a Globals) -> GlobalsInput<'a> {
    let dialect = Dialect { target: ServerVersion::from_major(18) };
    GlobalsInput { dump, target, dialect, connected: "admin", leave_out: LeaveOut::default(), list: None }
}

/// Statements, and losses as sentences.
fn planned(input: GlobalsInput<'_>) -> (Vec<String>, Vec<String>) {
    let plan = plan(input);
    let losses = plan.losses.into_iter().map(|(class, name, reason)| format!("{class} {name}: {reason}"));
    (plan.entries.into_iter().flat_map(|entry| entry.create).collect(), losses.collect())
}

#[test]
fn what_is_there_stays_and_differences_have_a_name() {
    let dump = globals(
        "postgres",
        vec![
            Role { create_db: true, comment: Some("c".into()), ..role("differs") },
            Role { login: true, settings: vec![("work_mem".into(), "1MB".into())], ..role("new") },
            Role { comment: Some("c".into()), settings: vec![("work_mem".into(), "1MB".into())], ..role("same") },
            Role { settings: vec![("a".into(), "1".into()), ("b".into(), "1".into())], ..role("set") },
        ],
    );
    let target = globals(
        "postgres",
        vec![
            role("differs"),
            dump.roles[2].clone(),
            Role { settings: vec![("b".into(), "2".into()), ("c".into(), "1".into())], ..role("set") },
        ],
    );
    let (create, losses) = planned(input(&dump, &target));
    assert_eq!(create, ["CREATE ROLE new WITH LOGIN", "ALTER ROLE new SET work_mem TO '1MB'"]);
    let expected = [
        "ROLE differs: it is there already, with other attributes: createdb, comment",
        "ROLE SETTINGS set: it is there already, with other settings: a, b, c",
    ];
    assert_eq!(losses, expected);
    let no_comments =
        GlobalsInput { leave_out: LeaveOut { comments: true, ..LeaveOut::default() }, ..input(&dump, &target) };
    assert_eq!(planned(no_comments).1[0], "ROLE differs: it is there already, with other attributes: createdb");
}

#[test]
fn what_was_done_before_is_not_done_again() {
    let dump = Globals {
        settings: vec![("work_mem".into(), "1MB".into())],
        memberships: vec![membership("a", "b", "postgres")],
        tablespaces: vec![tablespace("t")],
        ..globals("postgres", vec![role("a"), role("b")])
    };
    assert_eq!(plan(input(&dump, &dump)), GlobalsPlan::default());
    assert_eq!(planned(input(&dump, &globals("postgres", vec![]))).0.len(), 6);
}

#[test]
fn memberships_are_completed_as_grant_does() {
    let mut dump = globals("postgres", vec![]);
    dump.memberships = vec![
        Membership { admin: true, ..membership("a", "admin_added", "postgres") },
        membership("a", "admin", "postgres"),
        membership("a", "missing", "g"),
        Membership { set: Some(false), ..membership("a", "other", "postgres") },
        membership("a", "more", "postgres"),
    ];
    let mut target = globals("root", vec![]);
    target.memberships = vec![
        membership("a", "admin_added", "root"),
        membership("a", "missing", "another"),
        membership("a", "other", "root"),
        Membership { admin: true, ..membership("a", "more", "root") },
    ];
    let (create, losses) = planned(input(&dump, &target));
    assert_eq!(
        create,
        ["GRANT a TO admin_added WITH ADMIN OPTION", "GRANT a TO missing WITH INHERIT TRUE GRANTED BY g"]
    );
    let expected = [
        "ROLE MEMBERSHIP a TO admin: the role that restores is not changed",
        "ROLE MEMBERSHIP a TO other: it is there already, with other options: set",
    ];
    assert_eq!(losses, expected);
}

#[test]
fn privileges_on_parameters_are_added_to_those_of_the_target() {
    let item = |grantee: &str, privilege: &str, grantor: &str| AclItem {
        grantee: Some(grantee.into()),
        grantor: grantor.into(),
        privilege: privilege.into(),
        grantable: false,
    };
    let parameter = |owner: &str, more: &[(&str, &str)]| {
        let initial = vec![item(owner, "SET", owner), item(owner, "ALTER SYSTEM", owner)];
        let mut current = initial.clone();
        current.extend(more.iter().map(|(grantee, privilege)| item(grantee, privilege, owner)));
        Parameter { oid: Oid(7), name: "work_mem".into(), acl: Acl { initial, current, ..Acl::default() } }
    };
    let mut dump = globals("postgres", vec![]);
    dump.parameters = vec![parameter("postgres", &[("r", "SET"), ("s", "SET")])];
    let mut target = globals("root", vec![]);
    let both = ["GRANT SET ON PARAMETER work_mem TO r", "GRANT SET ON PARAMETER work_mem TO s"];
    assert_eq!(planned(input(&dump, &target)), (both.map(str::to_owned).to_vec(), Vec::new()));
    target.parameters = vec![parameter("root", &[("r", "SET"), ("x", "ALTER SYSTEM")])];
    assert_eq!(planned(input(&dump, &target)), (both[1..].iter().map(|s| (*s).to_owned()).collect(), Vec::new()));
    let left_out = LeaveOut { privileges: true, ..LeaveOut::default() };
    assert_eq!(planned(GlobalsInput { leave_out: left_out, ..input(&dump, &target) }), (Vec::new(), Vec::new()));
}

#[test]
fn tablespaces_follow_the_options() {
    let dump = Globals { tablespaces: vec![tablespace("t")], ..globals("postgres", vec![]) };
    let mut target = globals("postgres", vec![]);
    let without = |leave_out| GlobalsInput { leave_out, ..input(&dump, &target) };
    let no_owner = planned(without(LeaveOut { owner: true, comments: true, ..LeaveOut::default() }));
    assert_eq!(no_owner.0, ["CREATE TABLESPACE t LOCATION '/a'"]);
    assert_eq!(planned(without(LeaveOut { tablespaces: true, ..LeaveOut::default() })).0, Vec::<String>::new());
    let list = [2];
    let listed = GlobalsInput { list: Some(&list), ..input(&dump, &target) };
    assert_eq!(planned(listed).0, ["COMMENT ON TABLESPACE t IS 'c'"]);
    target.tablespaces = vec![Tablespace { location: "/b".into(), owner: Some("p".into()), ..tablespace("t") }];
    let expected = ["TABLESPACE t: it is there already, with other attributes: owner, location"];
    assert_eq!(planned(input(&dump, &target)), (Vec::new(), expected.map(str::to_owned).to_vec()));
}

#[test]
fn passwords_are_compared_where_both_are_known() {
    let mut dump = globals("postgres", vec![Role { password: Some("x".into()), ..role("r") }]);
    dump.passwords = true;
    let mut target = globals("postgres", vec![role("r")]);
    let lost = |target: &Globals| planned(input(&dump, target)).1.concat();
    assert!(lost(&target).ends_with(": password (the server does not show it)"), "{}", lost(&target));
    target.passwords = true;
    assert!(lost(&target).ends_with(": password"), "{}", lost(&target));
    assert_eq!(lost(&dump), "");
    let fresh = plan(input(&dump, &globals("postgres", vec![]))).entries;
    assert_eq!(fresh.iter().map(|entry| entry.secret).collect::<Vec<_>>(), [false, true]);
}
