//! Encoding conversions.

use super::Section;
use super::draft::{Context, Draft};
use super::identity::create;
use super::relation::name;
use crate::catalog::{Body, Object};
use crate::sql::quote_literal;

/// The entry of a conversion.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Conversion(conversion), None) = (&object.body, &object.extension) else { return Vec::new() };
    let mut draft = create(object, "CONVERSION", Section::PreData, cx);
    draft.create.push(format!(
        "CREATE {}CONVERSION {} FOR {} TO {} FROM {}",
        if conversion.default { "DEFAULT " } else { "" },
        name(object),
        quote_literal(&conversion.from),
        quote_literal(&conversion.to),
        conversion.function,
    ));
    vec![draft]
}
