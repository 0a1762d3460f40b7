//! Text search parsers, templates, dictionaries and configurations.

use super::Section;
use super::draft::{Context, Draft, Stage};
use super::identity::create;
use super::relation::name;
use crate::catalog::text_search::{Configuration, Dictionary, Parser, Template};
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// The entry of any of the four.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    if object.extension.is_some() {
        return altered(object).into_iter().collect();
    }
    let (desc, create_statements) = match &object.body {
        Body::TextSearchParser(body) => ("TEXT SEARCH PARSER", vec![parser(object, body)]),
        Body::TextSearchTemplate(body) => ("TEXT SEARCH TEMPLATE", vec![template(object, body)]),
        Body::TextSearchDictionary(body) => ("TEXT SEARCH DICTIONARY", vec![dictionary(object, body)]),
        Body::TextSearchConfiguration(body) => ("TEXT SEARCH CONFIGURATION", configuration(object, body)),
        _ => return Vec::new(),
    };
    let mut draft = create(object, desc, Section::PreData, cx);
    draft.create = create_statements;
    vec![draft]
}

/// The options of an extension's dictionary that somebody has altered since, told again. What he took away stays as the extension has it.
fn altered(object: &Object) -> Option<Draft> {
    let Body::TextSearchDictionary(Dictionary { options: Some(options), altered: true, .. }) = &object.body else {
        return None;
    };
    let mut draft = Draft::new(object, "TEXT SEARCH DICTIONARY", Section::PreData);
    draft.stage = Stage::Position;
    draft.create.push(format!("ALTER TEXT SEARCH DICTIONARY {} ({options})", name(object)));
    Some(draft)
}

/// `CREATE TEXT SEARCH kind name (\n    A = b,\n…)`.
fn definition<'a>(
    kind: &str,
    object: &Object,
    parts: impl IntoIterator<Item = (&'a str, Option<&'a String>)>,
) -> String {
    let parts = parts.into_iter().filter_map(|(word, value)| Some(format!("\n    {word} = {}", value?)));
    format!("CREATE TEXT SEARCH {kind} {} ({}\n)", name(object), parts.collect::<Vec<_>>().join(","))
}

fn parser(object: &Object, parser: &Parser) -> String {
    let parts = [
        ("START", Some(&parser.start)),
        ("GETTOKEN", Some(&parser.token)),
        ("END", Some(&parser.end)),
        ("HEADLINE", parser.headline.as_ref()),
        ("LEXTYPES", Some(&parser.lextypes)),
    ];
    definition("PARSER", object, parts)
}

fn template(object: &Object, template: &Template) -> String {
    definition("TEMPLATE", object, [("INIT", template.init.as_ref()), ("LEXIZE", Some(&template.lexize))])
}

fn dictionary(object: &Object, dictionary: &Dictionary) -> String {
    let options = dictionary.options.iter().map(|options| format!(",\n    {options}")).collect::<String>();
    format!("CREATE TEXT SEARCH DICTIONARY {} (\n    TEMPLATE = {}{options}\n)", name(object), dictionary.template)
}

fn configuration(object: &Object, configuration: &Configuration) -> Vec<String> {
    let create = definition("CONFIGURATION", object, [("PARSER", Some(&configuration.parser))]);
    let mapping = |(token, dictionaries): &(String, Vec<String>)| {
        format!(
            "ALTER TEXT SEARCH CONFIGURATION {} ADD MAPPING FOR {} WITH {}",
            name(object),
            quote_ident(token),
            dictionaries.join(", "),
        )
    };
    std::iter::once(create).chain(configuration.mappings.iter().map(mapping)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::ddl::sample::{object, sql};

    #[test]
    fn all_four_say_what_they_are_made_of() {
        let written = |class, body| sql(&[object(class, 1, "x", body)], 0, 18, entries);
        let [start, token, end, lextypes] = ["a", "b", "c", "d"].map(str::to_owned);
        let parser = Parser { start, token, end, headline: None, lextypes };
        let expected =
            "CREATE TEXT SEARCH PARSER s.x (\n    START = a,\n    GETTOKEN = b,\n    END = c,\n    LEXTYPES = d\n)";
        assert_eq!(written(Class::TextSearchParser, Body::TextSearchParser(parser)), [expected]);
        let template = Template { init: Some("i".into()), lexize: "l".into() };
        let expected = "CREATE TEXT SEARCH TEMPLATE s.x (\n    INIT = i,\n    LEXIZE = l\n)";
        assert_eq!(written(Class::TextSearchTemplate, Body::TextSearchTemplate(template)), [expected]);
        let dictionary =
            Dictionary { template: "s.t".into(), options: Some("accept = 'false'".into()), altered: false };
        let expected = "CREATE TEXT SEARCH DICTIONARY s.x (\n    TEMPLATE = s.t,\n    accept = 'false'\n)";
        assert_eq!(written(Class::TextSearchDictionary, Body::TextSearchDictionary(dictionary)), [expected]);
        let mappings = vec![("float".to_owned(), vec!["s.d".to_owned(), "pg_catalog.simple".to_owned()])];
        let configuration = Configuration { parser: "s.p".into(), mappings };
        let expected = [
            "CREATE TEXT SEARCH CONFIGURATION s.x (\n    PARSER = s.p\n)",
            "ALTER TEXT SEARCH CONFIGURATION s.x ADD MAPPING FOR \"float\" WITH s.d, pg_catalog.simple",
        ];
        let body = Body::TextSearchConfiguration(configuration);
        assert_eq!(written(Class::TextSearchConfiguration, body), expected);
    }

    #[test]
    fn of_an_extension_only_what_somebody_said_later_is_told() {
        let member = |options: Option<&str>, altered| {
            let dictionary = Dictionary { template: "s.t".into(), options: options.map(str::to_owned), altered };
            let mut object = object(Class::TextSearchDictionary, 1, "x", Body::TextSearchDictionary(dictionary));
            object.extension = Some("dict_int".into());
            sql(&[object], 0, 18, entries)
        };
        assert_eq!(
            member(Some("maxlen = '3', absval = 'true'"), true),
            ["ALTER TEXT SEARCH DICTIONARY s.x (maxlen = '3', absval = 'true')"],
        );
        assert_eq!(member(Some("maxlen = '3'"), false), [""; 0]);
        assert_eq!(member(None, true), [""; 0]);
    }
}
