//! Casts.

use super::Section;
use super::draft::{Context, Draft};
use super::identity::create;
use crate::catalog::{Body, Object};

/// The entry of a cast.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Cast(cast), None) = (&object.body, &object.extension) else { return Vec::new() };
    let mut draft = create(object, "CAST", Section::PreData, cx);
    // A cast belongs to the owner of its types.
    draft.set_owner = None;
    let how = match (cast.method.as_str(), &cast.function) {
        ("f", Some(function)) => format!("WITH FUNCTION {function}"),
        ("i", _) => "WITH INOUT".to_owned(),
        _ => "WITHOUT FUNCTION".to_owned(),
    };
    let context = match cast.context.as_str() {
        "i" => " AS IMPLICIT",
        "a" => " AS ASSIGNMENT",
        _ => "",
    };
    draft.create.push(format!("CREATE CAST ({} AS {}) {how}{context}", cast.source, cast.target));
    vec![draft]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::catalog::cast::Cast;
    use crate::ddl::sample::{drafts, object};

    #[test]
    fn methods_and_contexts() {
        let cast = |method: &str, context: &str| {
            let body = Cast {
                source: "s.a".into(),
                target: "text".into(),
                method: method.into(),
                function: (method == "f").then(|| "s.f(s.a)".into()),
                context: context.into(),
            };
            let object = Object { schema: None, ..object(Class::Cast, 1, "x", Body::Cast(body)) };
            drafts(&[object], 0, 18, entries).remove(0)
        };
        assert_eq!(cast("f", "i").create, ["CREATE CAST (s.a AS text) WITH FUNCTION s.f(s.a) AS IMPLICIT"]);
        assert_eq!(cast("i", "a").create, ["CREATE CAST (s.a AS text) WITH INOUT AS ASSIGNMENT"]);
        let plain = cast("b", "e");
        assert_eq!(plain.create, ["CREATE CAST (s.a AS text) WITHOUT FUNCTION"]);
        assert_eq!(plain.drop.as_deref(), Some("DROP CAST IF EXISTS (s.a AS text)"));
        assert_eq!(plain.set_owner, None);
    }
}
