//! What each major version of the server has: named capabilities, so that no reader and no writer compares versions.

use crate::ids::ServerVersion;

/// The capabilities of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    version: ServerVersion,
}

/// One row per capability: name, the major that brought it, meaning.
macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $since:literal),* $(,)?) => {
        /// Something that only servers from some major on have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Feature {
            $($(#[$doc])* $name,)*
        }

        impl Feature {
            /// The major version that brought it.
            pub const fn since(self) -> u32 {
                match self {
                    $(Self::$name => $since,)*
                }
            }
        }
    };
}

/// The oldest major that is read and written.
pub const OLDEST_MAJOR: u32 = 14;
/// The newest major this table knows. A newer server is taken for one of these: what it has besides is named by the census.
pub const NEWEST_MAJOR: u32 = 18;

features! {
    /// `public` belongs to `pg_database_owner`, and nobody else may create in it.
    PublicSchemaClosed = 15,
    /// `two_phase` and `disable_on_error` of subscriptions.
    SubscriptionOptions15 = 15,
    /// Databases may sort by an ICU locale; it and those of collations stand in columns of their own (`…iculocale`).
    DatabaseIcuLocale = 15,
    /// `UNIQUE NULLS NOT DISTINCT`.
    NullsNotDistinct = 15,
    /// `ON DELETE SET NULL (column)`.
    ForeignKeyDeleteColumns = 15,
    /// `numeric` with a negative scale, or one greater than the precision.
    WideNumericScale = 15,
    /// Column lists and row filters of publications.
    PublicationFilters = 15,
    /// `FOR TABLES IN SCHEMA`.
    PublicationSchemas = 15,
    /// `security_invoker` views.
    SecurityInvoker = 15,
    /// Sequences can be unlogged, and those of unlogged tables are.
    UnloggedSequences = 15,
    /// Privileges on configuration parameters.
    ParameterPrivileges = 15,
    /// The role `pg_checkpoint`.
    RoleCheckpoint = 15,
    /// Memberships have grantors that are kept true, and the options INHERIT and SET.
    MembershipOptions = 16,
    /// The roles `pg_create_subscription` and `pg_use_reserved_connections`.
    RolesOf16 = 16,
    /// Inheritance children may have generation expressions of their own.
    ChildGenerationExpressions = 16,
    /// `origin`, `password_required`, `run_as_owner` and parallel streaming of subscriptions.
    SubscriptionOptions16 = 16,
    /// Tailoring rules of ICU collations.
    IcuRules = 16,
    /// `SET STORAGE DEFAULT`.
    StorageDefault = 16,
    /// `pg_get_viewdef` leaves out the name of a query's only table.
    ShortViewColumns = 16,
    /// `ALTER COLUMN … SET EXPRESSION`.
    SetExpression = 17,
    /// `NOT NULL` of a domain is a constraint with a name.
    DomainNotNullConstraints = 17,
    /// The locale provider `builtin`; `datlocale` and `colllocale` hold its locale and ICU's.
    BuiltinLocaleProvider = 17,
    /// `failover` of subscriptions.
    SubscriptionFailover = 17,
    /// The MAINTAIN privilege, and the role `pg_maintain`.
    MaintainPrivilege = 17,
    /// Partitioned tables have an access method of their own.
    PartitionedAccessMethod = 17,
    /// Partitions use the identity of their parent and cannot have one themselves.
    SharedPartitionIdentity = 17,
    /// Default privileges of large objects.
    LargeObjectDefaultPrivileges = 18,
    /// `NOT NULL` is a constraint with a name.
    NotNullConstraints = 18,
    /// `NOT ENFORCED`.
    NotEnforcedConstraints = 18,
    /// `WITHOUT OVERLAPS` and `PERIOD`.
    TemporalConstraints = 18,
    /// `GENERATED … VIRTUAL`.
    VirtualColumns = 18,
    /// `publish_generated_columns`.
    PublicationGeneratedColumns = 18,
    /// `pg_restore_relation_stats()` and `pg_restore_attribute_stats()`.
    StatisticsImport = 18,
    /// Reads may be handed to processes of the server's own (`io_method`).
    IoWorkers = 18,
    /// `pg_class.relallfrozen`.
    FrozenPages = 18,
    /// `pg_get_sequence_data()`.
    SequenceDataFunction = 18,
    /// The role `pg_signal_autovacuum_worker`.
    RoleSignalAutovacuum = 18,
    /// `CREATE UNLOGGED TABLE … PARTITION BY` is refused; before, it was accepted without effect.
    PartitionedAlwaysLogged = 18,
}

impl Features {
    /// The capabilities of a server of this version.
    pub const fn of(version: ServerVersion) -> Self {
        Self { version }
    }

    /// The version they belong to.
    pub const fn version(&self) -> ServerVersion {
        self.version
    }

    /// What a query says for something that only servers from some major on have: one text per shape, chosen by the table.
    pub const fn either<'a>(&self, feature: Feature, present: &'a str, absent: &'a str) -> &'a str {
        if self.has(feature) { present } else { absent }
    }

    /// Whether the server has it.
    pub const fn has(&self, feature: Feature) -> bool {
        self.version.major() >= feature.since()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_begin_with_their_major() {
        let has = |version| Features::of(ServerVersion(version)).has(Feature::NotNullConstraints);
        assert_eq!([has(170_009), has(180_000), has(190_001)], [false, true, true]);
    }

    #[test]
    fn texts_follow_the_table() {
        let locale =
            |version| Features::of(ServerVersion(version)).either(Feature::BuiltinLocaleProvider, "new", "old");
        assert_eq!([locale(160_001), locale(170_000)], ["old", "new"]);
    }
}
