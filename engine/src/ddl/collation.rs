//! Collations. Versions of libraries are not carried: the target sorts with its own.

use super::Section;
use super::draft::{Context, Draft};
use super::identity::create;
use super::relation::name;
use crate::catalog::features::Feature;
use crate::catalog::{Body, Object};
use crate::sql::quote_literal;

/// The entry of a collation.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Collation(collation), None) = (&object.body, &object.extension) else { return Vec::new() };
    let mut draft = create(object, "COLLATION", Section::PreData, cx);
    let provider = match collation.provider.as_str() {
        "i" => "icu",
        "b" => "builtin",
        "d" => "default",
        _ => "libc",
    };
    if provider == "builtin" && !cx.has(Feature::BuiltinLocaleProvider) {
        draft.losses.push(format!("collation {} of the provider builtin", object.name));
        draft.set_owner = None;
        return vec![draft];
    }
    let mut parts = vec![format!("provider = {provider}")];
    if !collation.deterministic {
        parts.push("deterministic = false".to_owned());
    }
    let mut push = |word: &str, value: &Option<String>| {
        parts.extend(value.as_deref().map(|value| format!("{word} = {}", quote_literal(value))));
    };
    push("locale", &collation.locale);
    if collation.collate == collation.ctype {
        push("locale", &collation.collate);
    } else {
        push("lc_collate", &collation.collate);
        push("lc_ctype", &collation.ctype);
    }
    match &collation.rules {
        Some(_) if !cx.has(Feature::IcuRules) => {
            draft.losses.push(format!("rules of collation {}", object.name));
        }
        rules => push("rules", rules),
    }
    draft.create.push(format!("CREATE COLLATION {} ({})", name(object), parts.join(", ")));
    vec![draft]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::catalog::collation::Collation;
    use crate::ddl::sample::{drafts, object};

    fn draft(collation: Collation, major: u32) -> Draft {
        drafts(&[object(Class::Collation, 1, "c", Body::Collation(collation))], 0, major, entries).remove(0)
    }

    #[test]
    fn providers_locales_and_rules() {
        let some = |text: &str| Some(text.to_owned());
        let of = |provider: &str| Collation { provider: provider.into(), deterministic: true, ..Collation::default() };
        let libc = Collation { collate: some("C"), ctype: some("C"), ..of("c") };
        assert_eq!(draft(libc.clone(), 14).create, ["CREATE COLLATION s.c (provider = libc, locale = 'C')"]);
        let two = Collation { ctype: some("POSIX"), ..libc };
        let expected = "CREATE COLLATION s.c (provider = libc, lc_collate = 'C', lc_ctype = 'POSIX')";
        assert_eq!(draft(two, 14).create, [expected]);
        let icu = Collation { deterministic: false, locale: some("und"), rules: some("&a < b"), ..of("i") };
        let expected = "CREATE COLLATION s.c (provider = icu, deterministic = false, locale = 'und', rules = '&a < b')";
        assert_eq!(draft(icu.clone(), 16).create, [expected]);
        assert_eq!(draft(icu, 15).losses, ["rules of collation c"]);
        let builtin = Collation { locale: some("C"), ..of("b") };
        assert_eq!(draft(builtin.clone(), 17).create, ["CREATE COLLATION s.c (provider = builtin, locale = 'C')"]);
        let lost = draft(builtin, 16);
        assert_eq!((lost.create.len(), lost.set_owner, lost.losses.len()), (0, None, 1));
    }
}
