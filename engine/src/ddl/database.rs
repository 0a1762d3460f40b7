//! The database itself: `CREATE DATABASE` and everything that hangs on it. Only written with `--create`.

use super::acl::{Scope, difference};
use super::draft::{Context, Draft};
use super::{EntryKind, Section, setting};
use crate::catalog::features::{Feature, Features};
use crate::catalog::schema::Schema;
use crate::catalog::{Body, Class, Database, Object, ObjectId};
use crate::sql::{quote_ident, quote_literal};

/// `CREATE DATABASE`, to run from another database, and its properties, to run anywhere. Comment, labels, privileges and
/// settings are apart, so that options can leave them out.
pub fn entries(database: &Database, cx: &Context<'_>) -> Vec<Draft> {
    let stand_in = stand_in(database);
    let draft = |desc, kind| {
        let mut draft = Draft::new(&stand_in, desc, Section::PreData);
        draft.kind = kind;
        draft
    };
    let mut create = draft("DATABASE", EntryKind::Database);
    let (sql, losses) = create_statement(database, &cx.target());
    create.create.push(sql);
    create.losses = losses;
    let name = quote_ident(&database.name);
    create.drop = Some(format!("DROP DATABASE IF EXISTS {name}"));
    create.set_owner = Some(format!("ALTER DATABASE {name} OWNER TO {}", quote_ident(&database.owner)));
    let mut properties = draft("DATABASE PROPERTIES", EntryKind::DatabaseProperties);
    properties.create = property_statements(database);
    let mut comment = draft("COMMENT", EntryKind::Comment);
    let text = database.comment.iter();
    comment.create.extend(text.map(|text| format!("COMMENT ON DATABASE {name} IS {}", quote_literal(text))));
    let mut labels = draft("SECURITY LABEL", EntryKind::SecurityLabel);
    labels.create.extend(database.labels.iter().map(|(provider, label)| {
        format!("SECURITY LABEL FOR {} ON DATABASE {name} IS {}", quote_ident(provider), quote_literal(label))
    }));
    let mut acl = draft("ACL", EntryKind::Acl);
    if let Some(privileges) = &database.acl {
        let scope = Scope { word: "DATABASE", on: &name, column: None, owner: &database.owner };
        debug_assert!(!difference(&privileges.initial, &privileges.current).is_empty());
        scope.change(&privileges.initial, &privileges.current, &mut acl, cx);
    }
    for part in [&mut comment, &mut labels, &mut acl] {
        part.name = format!("DATABASE {}", database.name);
    }
    let parts = [create, comment, labels, properties, acl];
    parts.into_iter().filter(|draft| !draft.create.is_empty() || !draft.losses.is_empty()).collect()
}

/// Drafts want an object: one that has the database's name and owner.
fn stand_in(database: &Database) -> Object {
    let id = ObjectId { class: Class::Schema, oid: crate::ids::Oid(0) };
    let mut object = Object::new(id, database.name.clone(), Body::Schema(Schema::default()));
    object.owner = Some(database.owner.clone());
    object
}

/// `CREATE DATABASE` of the provider libc, for a server that is built without the one the database has.
pub fn create_with_libc(database: &Database, features: &Features) -> String {
    let libc = Database { locale_provider: 'c', locale: None, icu_rules: None, ..database.clone() };
    create_statement(&libc, features).0
}

/// The statement and what the target's version cannot have of it. Template 0, because any other may hold objects, and cannot
/// take another encoding or locale.
fn create_statement(database: &Database, features: &Features) -> (String, Vec<String>) {
    let mut losses = Vec::new();
    let name = quote_ident(&database.name);
    let mut sql = format!("CREATE DATABASE {name} WITH TEMPLATE = template0");
    let mut push = |word: &str, value: &str| sql.push_str(&format!(" {word} = {}", quote_literal(value)));
    push("ENCODING", &database.encoding);
    let provider = match database.locale_provider {
        'i' => Some("icu"),
        'b' => Some("builtin"),
        _ => None,
    };
    let known = match provider {
        Some("icu") => features.has(Feature::DatabaseIcuLocale),
        Some(_) => features.has(Feature::BuiltinLocaleProvider),
        None => true,
    };
    if let (Some(provider), false) = (provider, known) {
        let locale = database.locale.as_deref().unwrap_or_default();
        losses.push(format!("locale {locale} of provider {provider} for the database; libc sorts instead"));
    }
    if features.has(Feature::DatabaseIcuLocale) && known {
        push("LOCALE_PROVIDER", provider.unwrap_or("libc"));
    }
    if database.collate == database.ctype {
        push("LOCALE", &database.collate);
    } else {
        push("LC_COLLATE", &database.collate);
        push("LC_CTYPE", &database.ctype);
    }
    if let (Some(provider), Some(locale), true) = (provider, &database.locale, known) {
        push(if provider == "icu" { "ICU_LOCALE" } else { "BUILTIN_LOCALE" }, locale);
    }
    if let (Some(rules), true) = (&database.icu_rules, known) {
        match features.has(Feature::IcuRules) {
            true => push("ICU_RULES", rules),
            false => losses.push("ICU rules of the database".to_owned()),
        }
    }
    if let Some(tablespace) = &database.tablespace {
        sql.push_str(&format!(" TABLESPACE = {}", quote_ident(tablespace)));
    }
    (sql, losses)
}

fn property_statements(database: &Database) -> Vec<String> {
    let name = quote_ident(&database.name);
    let mut statements = Vec::new();
    if database.is_template {
        statements.push(format!("ALTER DATABASE {name} WITH IS_TEMPLATE = true"));
    }
    if database.connection_limit != -1 {
        statements.push(format!("ALTER DATABASE {name} WITH CONNECTION LIMIT = {}", database.connection_limit));
    }
    statements.extend(database.settings.iter().map(|(role, parameter, value)| {
        let assignment = setting::assignment(parameter, value);
        match role {
            None => format!("ALTER DATABASE {name} SET {assignment}"),
            Some(role) => format!("ALTER ROLE {} IN DATABASE {name} SET {assignment}", quote_ident(role)),
        }
    }));
    statements
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::catalog::features::Features;
    use crate::ids::{Oid, ServerVersion};

    fn database() -> Database {
        Database {
            name: "d b".into(),
            oid: Oid(5),
            owner: "o".into(),
            encoding: "UTF8".into(),
            collate: "C".into(),
            ctype: "C".into(),
            locale_provider: 'c',
            locale: None,
            icu_rules: None,
            connection_limit: -1,
            is_template: false,
            tablespace: None,
            acl: None,
            comment: None,
            labels: Vec::new(),
            settings: Vec::new(),
        }
    }

    fn written(database: &Database, major: u32) -> (Vec<String>, Vec<String>) {
        let cx = Context::of(&[], Features::of(ServerVersion::from_major(major)), HashSet::new());
        let drafts = entries(database, &cx);
        let losses = drafts.iter().flat_map(|draft| draft.losses.clone()).collect();
        (drafts.into_iter().flat_map(|draft| draft.create).collect(), losses)
    }

    #[test]
    fn locales_of_every_provider_and_what_an_older_target_makes_of_them() {
        let head = "CREATE DATABASE \"d b\" WITH TEMPLATE = template0 ENCODING = 'UTF8'";
        assert_eq!(written(&database(), 14).0, [format!("{head} LOCALE = 'C'")]);
        assert_eq!(written(&database(), 15).0, [format!("{head} LOCALE_PROVIDER = 'libc' LOCALE = 'C'")]);
        let icu = Database {
            locale_provider: 'i',
            locale: Some("und".into()),
            icu_rules: Some("&a < b".into()),
            ctype: "POSIX".into(),
            tablespace: Some("T".into()),
            ..database()
        };
        let libc = "LC_COLLATE = 'C' LC_CTYPE = 'POSIX'";
        let (create, losses) = written(&icu, 16);
        let tail = "ICU_LOCALE = 'und' ICU_RULES = '&a < b' TABLESPACE = \"T\"";
        assert_eq!(create, [format!("{head} LOCALE_PROVIDER = 'icu' {libc} {tail}")]);
        assert_eq!(losses, Vec::<String>::new());
        assert_eq!(written(&icu, 15).1, ["ICU rules of the database"]);
        let plain = create_with_libc(&icu, &Features::of(ServerVersion::from_major(16)));
        assert_eq!(plain, format!("{head} LOCALE_PROVIDER = 'libc' {libc} TABLESPACE = \"T\""));
        let (create, losses) = written(&icu, 14);
        assert_eq!((create, losses.len()), (vec![format!("{head} {libc} TABLESPACE = \"T\"")], 1));
        let builtin = Database { locale_provider: 'b', locale: Some("C.UTF-8".into()), ..database() };
        let (create, _) = written(&builtin, 17);
        assert_eq!(create, [format!("{head} LOCALE_PROVIDER = 'builtin' LOCALE = 'C' BUILTIN_LOCALE = 'C.UTF-8'")]);
        assert_eq!(written(&builtin, 16).1.len(), 1);
    }

    #[test]
    fn properties_and_settings_are_apart() {
        let database = Database {
            connection_limit: 5,
            is_template: true,
            comment: Some("c".into()),
            labels: vec![("dummy".into(), "secret".into())],
            settings: vec![
                (None, "search_path".into(), "a, \"b c\"".into()),
                (Some("R".into()), "work_mem".into(), "5MB".into()),
            ],
            ..database()
        };
        let expected = [
            "COMMENT ON DATABASE \"d b\" IS 'c'",
            "SECURITY LABEL FOR dummy ON DATABASE \"d b\" IS 'secret'",
            "ALTER DATABASE \"d b\" WITH IS_TEMPLATE = true",
            "ALTER DATABASE \"d b\" WITH CONNECTION LIMIT = 5",
            "ALTER DATABASE \"d b\" SET search_path TO 'a', 'b c'",
            "ALTER ROLE \"R\" IN DATABASE \"d b\" SET work_mem TO '5MB'",
        ];
        assert_eq!(written(&database, 18).0[1..], expected);
    }

    #[test]
    fn all_of_it_is_about_the_database() {
        let database = Database { comment: Some("c".into()), connection_limit: 5, ..database() };
        let cx = Context::of(&[], Features::of(ServerVersion::from_major(18)), HashSet::new());
        let entry = |draft| crate::ddl::Entry { object: None, ..crate::ddl::order::entry(1, draft, Vec::new()) };
        let about = entries(&database, &cx).into_iter().map(|draft| entry(draft).is_about_database());
        assert_eq!(about.collect::<Vec<_>>(), [true, true, true]);
    }
}
