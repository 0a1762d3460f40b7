//! Text search parsers, templates, dictionaries and configurations (`pg_ts_*`).

use serde::{Deserialize, Serialize};

/// A parser. Functions are SQL text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parser {
    /// START.
    pub start: String,
    /// GETTOKEN.
    pub token: String,
    /// END.
    pub end: String,
    /// HEADLINE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// LEXTYPES.
    pub lextypes: String,
}

/// A template. Functions are SQL text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// INIT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// LEXIZE.
    pub lexize: String,
}

/// A dictionary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dictionary {
    /// Template, qualified SQL text.
    pub template: String,
    /// `dictinitoption`: already SQL text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<String>,
    /// It came with an extension, and somebody has altered it since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub altered: bool,
}

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Parser, qualified SQL text.
    pub parser: String,
    /// Token type alias and its dictionaries (SQL text), in token order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mappings: Vec<(String, Vec<String>)>,
}
