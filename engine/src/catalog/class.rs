//! Object classes, as `pg_depend.classid` tells them apart, with relations split by what they are.

use serde::{Deserialize, Serialize};

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// `pg_namespace`
    Schema,
    /// `pg_extension`
    Extension,
    /// `pg_type`
    Type,
    /// `pg_proc`
    Function,
    /// `pg_class`: ordinary, partitioned and foreign tables, views, materialized views, sequences, indexes,
    /// composite types' relations; the body says which.
    Relation,
    /// `pg_attrdef`
    Default,
    /// `pg_constraint`
    Constraint,
    /// `pg_trigger`
    Trigger,
    /// `pg_rewrite`
    Rule,
    /// `pg_policy`
    Policy,
    /// `pg_statistic_ext`
    Statistics,
    /// `pg_publication`
    Publication,
    /// `pg_event_trigger`
    EventTrigger,
    /// `pg_foreign_data_wrapper`
    ForeignDataWrapper,
    /// `pg_foreign_server`
    ForeignServer,
    /// `pg_user_mapping`
    UserMapping,
    /// `pg_default_acl`
    DefaultAcl,
    /// `pg_largeobject`
    LargeObject,
    /// `pg_collation`
    Collation,
    /// `pg_cast`
    Cast,
    /// `pg_conversion`
    Conversion,
    /// `pg_language`
    Language,
    /// `pg_operator`
    Operator,
    /// `pg_opclass`
    OperatorClass,
    /// `pg_opfamily`
    OperatorFamily,
    /// `pg_am`
    AccessMethod,
    /// `pg_ts_config`
    TextSearchConfiguration,
    /// `pg_ts_dict`
    TextSearchDictionary,
    /// `pg_ts_parser`
    TextSearchParser,
    /// `pg_ts_template`
    TextSearchTemplate,
    /// `pg_transform`
    Transform,
    /// `pg_subscription`
    Subscription,
    /// `pg_authid`
    Role,
    /// `pg_tablespace`
    Tablespace,
    /// `pg_parameter_acl`
    Parameter,
}

impl Class {
    /// The class whose objects a system catalog holds, by the catalog's name: what `classid` of `pg_depend`,
    /// `pg_description`, `pg_seclabel` and `pg_init_privs` means. Large objects are known by `pg_largeobject`.
    pub fn of_catalog(name: &str) -> Option<Self> {
        CATALOGS.iter().find(|(_, catalog)| *catalog == name).map(|(class, _)| *class)
    }

    /// Whether its objects belong to the whole cluster: no database's catalogs speak of them.
    pub fn is_cluster_wide(self) -> bool {
        matches!(self, Self::Role | Self::Tablespace | Self::Parameter)
    }

    /// The system catalog of the class.
    pub fn catalog(self) -> &'static str {
        CATALOGS.iter().find(|(class, _)| *class == self).map_or("", |(_, catalog)| catalog)
    }
}

/// Every class with its catalog.
const CATALOGS: [(Class, &str); CLASSES] = [
    (Class::Schema, "pg_namespace"),
    (Class::Extension, "pg_extension"),
    (Class::Type, "pg_type"),
    (Class::Function, "pg_proc"),
    (Class::Relation, "pg_class"),
    (Class::Default, "pg_attrdef"),
    (Class::Constraint, "pg_constraint"),
    (Class::Trigger, "pg_trigger"),
    (Class::Rule, "pg_rewrite"),
    (Class::Policy, "pg_policy"),
    (Class::Statistics, "pg_statistic_ext"),
    (Class::Publication, "pg_publication"),
    (Class::EventTrigger, "pg_event_trigger"),
    (Class::ForeignDataWrapper, "pg_foreign_data_wrapper"),
    (Class::ForeignServer, "pg_foreign_server"),
    (Class::UserMapping, "pg_user_mapping"),
    (Class::DefaultAcl, "pg_default_acl"),
    (Class::LargeObject, "pg_largeobject"),
    (Class::Collation, "pg_collation"),
    (Class::Cast, "pg_cast"),
    (Class::Conversion, "pg_conversion"),
    (Class::Language, "pg_language"),
    (Class::Operator, "pg_operator"),
    (Class::OperatorClass, "pg_opclass"),
    (Class::OperatorFamily, "pg_opfamily"),
    (Class::AccessMethod, "pg_am"),
    (Class::TextSearchConfiguration, "pg_ts_config"),
    (Class::TextSearchDictionary, "pg_ts_dict"),
    (Class::TextSearchParser, "pg_ts_parser"),
    (Class::TextSearchTemplate, "pg_ts_template"),
    (Class::Transform, "pg_transform"),
    (Class::Subscription, "pg_subscription"),
    (Class::Role, "pg_authid"),
    (Class::Tablespace, "pg_tablespace"),
    (Class::Parameter, "pg_parameter_acl"),
];

/// How many classes there are.
const CLASSES: usize = 35;

#[cfg(test)]
mod tests {
    use super::{CATALOGS, Class};

    #[test]
    fn catalogs_and_classes_name_each_other() {
        for (class, catalog) in CATALOGS {
            assert_eq!(Class::of_catalog(catalog), Some(class));
            assert_eq!(class.catalog(), catalog);
        }
        assert_eq!(Class::of_catalog("pg_database"), None);
    }
}
