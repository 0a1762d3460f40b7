//! Foreign-data wrappers, servers and user mappings.

use super::Section;
use super::draft::{Context, Draft};
use super::identity::create;
use super::relation::fdw_options;
use crate::catalog::foreign::{ForeignDataWrapper, ForeignServer, Options, UserMapping};
use crate::catalog::{Body, Object};
use crate::sql::{quote_ident, quote_literal};

/// Entries of a wrapper, a server or a mapping.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    match &object.body {
        _ if object.extension.is_some() => Vec::new(),
        Body::ForeignDataWrapper(wrapper) => vec![wrapper_entry(object, wrapper, cx)],
        Body::ForeignServer(server) => vec![server_entry(object, server, cx)],
        Body::UserMapping(mapping) => vec![mapping_entry(object, mapping)],
        _ => Vec::new(),
    }
}

/// ` OPTIONS (…)`, empty without any.
fn options(options: &Options) -> String {
    if options.is_empty() { String::new() } else { format!(" OPTIONS ({})", fdw_options(options)) }
}

fn wrapper_entry(object: &Object, wrapper: &ForeignDataWrapper, cx: &Context<'_>) -> Draft {
    let mut draft = create(object, "FOREIGN DATA WRAPPER", Section::PreData, cx);
    let mut sql = format!("CREATE FOREIGN DATA WRAPPER {}", quote_ident(&object.name));
    if let Some(handler) = &wrapper.handler {
        sql.push_str(&format!(" HANDLER {handler}"));
    }
    if let Some(validator) = &wrapper.validator {
        sql.push_str(&format!(" VALIDATOR {validator}"));
    }
    sql.push_str(&options(&wrapper.options));
    draft.create.push(sql);
    draft
}

fn server_entry(object: &Object, server: &ForeignServer, cx: &Context<'_>) -> Draft {
    let mut draft = create(object, "SERVER", Section::PreData, cx);
    let mut sql = format!("CREATE SERVER {}", quote_ident(&object.name));
    if let Some(kind) = &server.kind {
        sql.push_str(&format!(" TYPE {}", quote_literal(kind)));
    }
    if let Some(version) = &server.version {
        sql.push_str(&format!(" VERSION {}", quote_literal(version)));
    }
    sql.push_str(&format!(" FOREIGN DATA WRAPPER {}", quote_ident(&server.wrapper)));
    sql.push_str(&options(&server.options));
    // A server's options are no place for passwords, but nobody keeps people from putting them there.
    draft.secret = server.options.iter().any(|(name, _)| name.to_ascii_lowercase().contains("pass"));
    draft.create.push(sql);
    draft
}

fn mapping_entry(object: &Object, mapping: &UserMapping) -> Draft {
    let mut draft = Draft::new(object, "USER MAPPING", Section::PreData);
    let user = match mapping.user.as_deref() {
        Some(user) => quote_ident(user).into_owned(),
        None => "PUBLIC".to_owned(),
    };
    let server = quote_ident(&mapping.server);
    draft.name = format!("USER MAPPING {} SERVER {}", mapping.user.as_deref().unwrap_or("public"), mapping.server);
    draft.after.extend(object.parent);
    let none = Options::new();
    let known = mapping.options.as_ref().unwrap_or(&none);
    draft.create.push(format!("CREATE USER MAPPING FOR {user} SERVER {server}{}", options(known)));
    draft.drop = Some(format!("DROP USER MAPPING IF EXISTS FOR {user} SERVER {server}"));
    draft.secret = !known.is_empty();
    if mapping.options.is_none() {
        draft.losses.push(format!("options of {}: the role that dumped may not see them", draft.name));
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::ddl::sample::{drafts, object, sql};

    fn pairs(pairs: &[(&str, &str)]) -> Options {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn wrappers_and_servers_quote_what_needs_it() {
        let options = pairs(&[("debug", "it's"), ("quo\"ted", "\\")]);
        let wrapper = ForeignDataWrapper { handler: Some("s.h".into()), validator: None, options };
        let object_of = |class, body| [object(class, 1, "x", body)];
        let wrapper = sql(&object_of(Class::ForeignDataWrapper, Body::ForeignDataWrapper(wrapper)), 0, 18, entries);
        let expected = "CREATE FOREIGN DATA WRAPPER x HANDLER s.h OPTIONS (debug 'it''s', \"quo\"\"ted\" E'\\\\')";
        assert_eq!(wrapper, [expected]);
        let server = ForeignServer {
            wrapper: "W".into(),
            kind: Some("t".into()),
            version: Some("1".into()),
            options: pairs(&[("host", "h"), ("sslpassword", "p")]),
        };
        let draft = drafts(&object_of(Class::ForeignServer, Body::ForeignServer(server)), 0, 18, entries).remove(0);
        let expected =
            "CREATE SERVER x TYPE 't' VERSION '1' FOREIGN DATA WRAPPER \"W\" OPTIONS (host 'h', sslpassword 'p')";
        assert_eq!(draft.create, [expected]);
        assert!(draft.secret);
    }

    #[test]
    fn mappings_are_secret_and_say_when_their_options_were_hidden() {
        let mapping = |user: Option<&str>, options| {
            let body = UserMapping { server: "srv".into(), user: user.map(str::to_owned), options };
            assert!(!format!("{body:?}").contains("pw"));
            drafts(&[object(Class::UserMapping, 1, "m", Body::UserMapping(body))], 0, 18, entries).remove(0)
        };
        let known = mapping(Some("R"), Some(pairs(&[("password", "pw")])));
        assert_eq!(known.create, ["CREATE USER MAPPING FOR \"R\" SERVER srv OPTIONS (password 'pw')"]);
        assert_eq!(known.drop.as_deref(), Some("DROP USER MAPPING IF EXISTS FOR \"R\" SERVER srv"));
        assert_eq!((known.secret, known.losses.len()), (true, 0));
        let hidden = mapping(None, None);
        assert_eq!(hidden.create, ["CREATE USER MAPPING FOR PUBLIC SERVER srv"]);
        assert_eq!((hidden.secret, hidden.losses.len()), (false, 1));
    }
}
