//! Subscriptions: made disabled and unconnected; whoever restores decides when replication begins.

use super::Section;
use super::draft::{Context, Draft};
use super::identity::create;
use super::relation::list;
use crate::catalog::features::Feature;
use crate::catalog::{Body, Object};
use crate::sql::{quote_ident, quote_literal};

/// The entry of a subscription.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let Body::Subscription(subscription) = &object.body else { return Vec::new() };
    let mut draft = create(object, "SUBSCRIPTION", Section::PostData, cx);
    let slot = subscription.slot.as_deref().map_or_else(|| "NONE".to_owned(), quote_literal);
    let mut options = vec!["connect = false".to_owned(), format!("slot_name = {slot}")];
    for (name, value) in &subscription.options {
        let value = match (name.as_str(), value.as_str()) {
            ("streaming", "parallel") if !cx.has(Feature::SubscriptionOptions16) => {
                draft.losses.push(format!("parallel streaming of subscription {}", object.name));
                "on"
            }
            (_, value) => value,
        };
        if since(name).is_none_or(|feature| cx.has(feature)) {
            options.push(format!("{name} = {value}"));
        } else if name != "run_as_owner" {
            draft.losses.push(format!("option {name} of subscription {}", object.name));
        }
    }
    // Servers without that option apply everything as the subscription's owner.
    let as_owner = subscription.options.iter().any(|(name, value)| name == "run_as_owner" && value == "true");
    if !as_owner && !cx.has(Feature::SubscriptionOptions16) {
        draft.losses.push(format!("subscription {} applies changes as its owner", object.name));
    }
    draft.create.push(format!(
        "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH ({})",
        quote_ident(&object.name),
        quote_literal(&subscription.connection),
        list(&subscription.publications),
        options.join(", "),
    ));
    let lower = subscription.connection.to_ascii_lowercase();
    draft.secret = lower.contains("pass") || lower.contains("://");
    vec![draft]
}

/// What brought an option; `None` for those all supported versions have.
fn since(option: &str) -> Option<Feature> {
    match option {
        "two_phase" | "disable_on_error" => Some(Feature::SubscriptionOptions15),
        "password_required" | "run_as_owner" | "origin" => Some(Feature::SubscriptionOptions16),
        "failover" => Some(Feature::SubscriptionFailover),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::catalog::subscription::Subscription;
    use crate::ddl::sample::{drafts, object};

    #[test]
    fn options_fit_the_target_and_passwords_stay_secret() {
        let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let body = Subscription {
            connection: "host=h password=pw".into(),
            publications: vec!["p\"1".into(), "p2".into()],
            slot: Some("sl".into()),
            options: vec![option("streaming", "parallel"), option("origin", "none"), option("failover", "true")],
        };
        assert!(!format!("{body:?}").contains("pw"));
        let objects = [object(Class::Subscription, 1, "S", Body::Subscription(body))];
        let new = drafts(&objects, 0, 18, entries).remove(0);
        let head = "CREATE SUBSCRIPTION \"S\" CONNECTION 'host=h password=pw' PUBLICATION \"p\"\"1\", p2 WITH \
                    (connect = false, slot_name = 'sl'";
        assert_eq!(new.create, [format!("{head}, streaming = parallel, origin = none, failover = true)")]);
        assert_eq!((new.secret, new.losses.len()), (true, 0));
        let old = drafts(&objects, 0, 15, entries).remove(0);
        assert_eq!(old.create, [format!("{head}, streaming = on)")]);
        let expected = [
            "parallel streaming of subscription S",
            "option origin of subscription S",
            "option failover of subscription S",
            "subscription S applies changes as its owner",
        ];
        assert_eq!(old.losses, expected);
    }
}
