//! Event triggers: the last thing a restore makes, so that they do not fire on it.

use super::Section;
use super::draft::{Context, Draft};
use super::identity::create;
use crate::catalog::{Body, Object};
use crate::sql::{quote_ident, quote_literal};

/// The entry of an event trigger.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::EventTrigger(trigger), None) = (&object.body, &object.extension) else { return Vec::new() };
    let mut draft = create(object, "EVENT TRIGGER", Section::PostData, cx);
    let name = quote_ident(&object.name);
    let mut sql = format!("CREATE EVENT TRIGGER {name} ON {}", quote_ident(&trigger.event));
    if !trigger.tags.is_empty() {
        let tags = trigger.tags.iter().map(|tag| quote_literal(tag)).collect::<Vec<_>>().join(", ");
        sql.push_str(&format!("\n         WHEN TAG IN ({tags})"));
    }
    sql.push_str(&format!("\n   EXECUTE FUNCTION {}()", trigger.function));
    draft.create.push(sql);
    let state = match trigger.enabled.as_str() {
        "D" => Some("DISABLE"),
        "R" => Some("ENABLE REPLICA"),
        "A" => Some("ENABLE ALWAYS"),
        _ => None,
    };
    draft.create.extend(state.map(|state| format!("ALTER EVENT TRIGGER {name} {state}")));
    vec![draft]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::catalog::event_trigger::EventTrigger;
    use crate::ddl::sample::{object, sql};

    #[test]
    fn tags_and_state_are_said_where_they_are_not_the_usual() {
        let trigger = |tags: &[&str], enabled: &str| {
            let body = EventTrigger {
                event: "ddl_command_end".into(),
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                function: "s.f".into(),
                enabled: enabled.into(),
            };
            sql(&[object(Class::EventTrigger, 1, "e t", Body::EventTrigger(body))], 0, 18, entries)
        };
        let plain = "CREATE EVENT TRIGGER \"e t\" ON ddl_command_end\n   EXECUTE FUNCTION s.f()";
        assert_eq!(trigger(&[], "O"), [plain]);
        assert_eq!(trigger(&[], "R")[1], "ALTER EVENT TRIGGER \"e t\" ENABLE REPLICA");
        assert_eq!(trigger(&[], "A")[1], "ALTER EVENT TRIGGER \"e t\" ENABLE ALWAYS");
        assert_eq!(trigger(&[], "D")[1], "ALTER EVENT TRIGGER \"e t\" DISABLE");
        let tagged = trigger(&["CREATE TABLE", "DROP TABLE"], "O").remove(0);
        assert!(tagged.contains("WHEN TAG IN ('CREATE TABLE', 'DROP TABLE')"), "{tagged}");
    }
}
