//! Functions, procedures and aggregates (`pg_proc`, `pg_aggregate`).

use serde::{Deserialize, Serialize};

/// What a routine is (`prokind`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutineKind {
    /// `f`
    #[default]
    Function,
    /// `p`
    Procedure,
    /// `a`
    Aggregate,
    /// `w`
    Window,
}

/// A routine. Types, functions and expressions are SQL text, deparsed under an empty `search_path`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// What it is.
    pub kind: RoutineKind,
    /// `pg_get_function_identity_arguments`: what tells overloads apart, with modes and argument names.
    pub identity_arguments: String,
    /// Types of the input arguments, as `pg_restore -l` and COMMENT ON show them: `integer, text`. `*` for aggregates
    /// without arguments; direct arguments, `ORDER BY` and the rest for ordered-set aggregates.
    pub signature: String,
    /// `pg_get_function_arguments`: with defaults.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
    /// `pg_get_function_result`; absent for procedures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Language, unquoted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// What runs.
    pub source: Source,
    /// `provolatile`: `i`, `s`, `v`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub volatility: String,
    /// `proparallel`: `s`, `r`, `u`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parallel: String,
    /// `proisstrict`.
    pub strict: bool,
    /// `prosecdef`.
    pub security_definer: bool,
    /// `proleakproof`.
    pub leakproof: bool,
    /// `procost` as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cost: String,
    /// `prorows` as text; `0` unless a set is returned.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rows: String,
    /// `prosupport`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
    /// `protrftypes`: types transformed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transforms: Vec<String>,
    /// `proconfig`: `name=value` as stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
    /// What only aggregates have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Box<Aggregate>>,
}

/// What a routine runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Source {
    /// Nothing is kept (aggregates, members of extensions).
    #[default]
    None,
    /// A body or the name of an internal function (`prosrc`).
    Text {
        /// `prosrc`.
        text: String,
    },
    /// A C function: library (`probin`) and symbol (`prosrc`).
    Library {
        /// `probin`.
        library: String,
        /// `prosrc`.
        symbol: String,
    },
    /// A parsed SQL body (`prosqlbody`, 14+), as `pg_get_function_sqlbody` prints it.
    Parsed {
        /// `BEGIN ATOMIC … END` or `RETURN …`.
        text: String,
    },
}

/// `pg_aggregate`. Functions and types are SQL text; `modify` letters are `r`, `s`, `w`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aggregate {
    /// `aggkind`: `n` normal, `o` ordered-set, `h` hypothetical-set.
    pub kind: String,
    /// Transition state of the plain mode.
    pub state: AggregateState,
    /// `aggcombinefn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combine: Option<String>,
    /// `aggserialfn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serialize: Option<String>,
    /// `aggdeserialfn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deserialize: Option<String>,
    /// Moving-aggregate mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<AggregateState>,
    /// `aggsortop`, as `schema.operator` text for `SORTOP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_operator: Option<String>,
}

/// One of the two modes of an aggregate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregateState {
    /// Transition function.
    pub transition: String,
    /// Inverse transition function (moving mode only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inverse: Option<String>,
    /// State type.
    pub state_type: String,
    /// Estimated state size in bytes; 0 is unknown.
    pub space: i32,
    /// Final function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// The final function takes extra dummy arguments.
    pub finish_extra: bool,
    /// Whether the final function modifies the state.
    pub finish_modify: String,
    /// Initial state as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<String>,
}
