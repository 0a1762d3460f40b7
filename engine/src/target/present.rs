//! Which objects of a dump a target has already, by their names: what a partial restore need not bring.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Body, Class, Object, ObjectId};
use crate::connect::Lane;
use crate::error::Result;
use crate::sql::quote_literal;

/// How a class is found by name: name column, schema column, and what tells overloads apart.
struct Place {
    class: Class,
    name: &'static str,
    schema: Option<&'static str>,
    detail: &'static str,
}

const fn place(class: Class, name: &'static str, schema: Option<&'static str>) -> Place {
    Place { class, name, schema, detail: "''" }
}

const METHOD: &str = "(SELECT m.amname FROM pg_catalog.pg_am m WHERE m.oid = x.opcmethod)";
const FAMILY_METHOD: &str = "(SELECT m.amname FROM pg_catalog.pg_am m WHERE m.oid = x.opfmethod)";
const OPERANDS: &str = "CASE x.oprleft WHEN 0 THEN '' ELSE pg_catalog.format_type(x.oprleft, NULL) END || ',' || \
                        pg_catalog.format_type(x.oprright, NULL)";

/// Classes that a relation can need.
const PLACES: [Place; 19] = [
    place(Class::Schema, "nspname", None),
    place(Class::Extension, "extname", None),
    place(Class::Type, "typname", Some("typnamespace")),
    Place {
        detail: "pg_catalog.pg_get_function_identity_arguments(x.oid)",
        ..place(Class::Function, "proname", Some("pronamespace"))
    },
    place(Class::Relation, "relname", Some("relnamespace")),
    place(Class::Collation, "collname", Some("collnamespace")),
    place(Class::Conversion, "conname", Some("connamespace")),
    place(Class::Language, "lanname", None),
    Place { detail: OPERANDS, ..place(Class::Operator, "oprname", Some("oprnamespace")) },
    Place { detail: METHOD, ..place(Class::OperatorClass, "opcname", Some("opcnamespace")) },
    Place { detail: FAMILY_METHOD, ..place(Class::OperatorFamily, "opfname", Some("opfnamespace")) },
    place(Class::AccessMethod, "amname", None),
    place(Class::TextSearchConfiguration, "cfgname", Some("cfgnamespace")),
    place(Class::TextSearchDictionary, "dictname", Some("dictnamespace")),
    place(Class::TextSearchParser, "prsname", Some("prsnamespace")),
    place(Class::TextSearchTemplate, "tmplname", Some("tmplnamespace")),
    place(Class::ForeignServer, "srvname", None),
    place(Class::ForeignDataWrapper, "fdwname", None),
    place(Class::Publication, "pubname", None),
];

/// Those of some objects that the target has under the same name (and with the same arguments). One question a class, all in one
/// round trip.
pub async fn read(lane: &mut Lane, objects: &[&Object]) -> Result<BTreeSet<ObjectId>> {
    let mut by_class: BTreeMap<Class, Vec<&Object>> = BTreeMap::new();
    for object in objects {
        by_class.entry(object.id.class).or_default().push(object);
    }
    let mut present = BTreeSet::new();
    let asked: Vec<(&Place, &Vec<&Object>)> =
        PLACES.iter().filter_map(|place| Some((place, by_class.get(&place.class)?))).collect();
    let questions: Vec<String> = asked.iter().map(|(place, objects)| question(place, objects)).collect();
    let answers = lane.ask(&questions).await.map_err(|error| error.context("looking at the target"))?;
    for ((_, asked), rows) in asked.into_iter().zip(answers) {
        let positions = rows.into_iter().filter_map(|row| row.into_iter().next().flatten()?.parse::<usize>().ok());
        present.extend(positions.filter_map(|position| asked.get(position)).map(|object| object.id));
    }
    Ok(present)
}

fn question(place: &Place, objects: &[&Object]) -> String {
    let row = |(position, object): (usize, &&Object)| {
        // An extension has a schema for its members, and stands in none.
        let schema = object.schema.as_deref().filter(|_| place.schema.is_some()).unwrap_or("");
        let texts = [schema, &object.name, &detail(object)].map(quote_literal);
        format!("({position}, {})", texts.join(", "))
    };
    let rows: Vec<String> = objects.iter().enumerate().map(row).collect();
    let schema = match place.schema {
        Some(column) => format!("(SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = x.{column})"),
        None => "''".to_owned(),
    };
    let Place { class, name, detail, .. } = place;
    format!(
        "SELECT v.position FROM (VALUES {}) v (position, schema, name, detail) JOIN pg_catalog.{} x \
         ON x.{name} = v.name::pg_catalog.name WHERE {schema} = v.schema AND {detail} = v.detail",
        rows.join(", "),
        class.catalog()
    )
}

/// What tells objects of one name apart, as the catalogs say it.
fn detail(object: &Object) -> String {
    match &object.body {
        Body::Function(function) => function.identity_arguments.clone(),
        Body::Operator(operator) => {
            let operand = |side: &Option<String>| side.clone().unwrap_or_default();
            format!("{},{}", operand(&operator.left), operand(&operator.right))
        }
        Body::OperatorClass(class) => class.method.clone(),
        Body::OperatorFamily(family) => family.method.clone(),
        _ => String::new(),
    }
}
