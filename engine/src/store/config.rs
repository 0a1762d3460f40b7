//! What a store is opened with. The engine reads no environment: the caller hands everything in.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where a repository lies and how to get there.
#[derive(Clone)]
pub struct StoreConfig {
    /// A path, or a URL: `file:///path`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`,
    /// `memory:`. A query (`?region=…&endpoint=…`) is read as options.
    pub url: String,
    /// Options the user gave (`region`, `endpoint`, `allow_http`, `virtual_hosted_style_request`, …, as
    /// `object_store` names them); an unknown one is an error.
    pub options: Vec<(String, String)>,
    /// The process environment's `AWS_*`, `AZURE_*` and `GOOGLE_*`; what does not concern the store is ignored.
    pub environment: Vec<(String, String)>,
    /// A named profile of the AWS configuration files; keys given otherwise win over it.
    pub aws_profile: Option<AwsProfile>,
    /// The recipient (`age1…`) that the repository there must have, if the caller knows it: then nobody can put
    /// another repository in its place, not even whole and in itself consistent (docs/THREAT_MODEL.md).
    pub recipient: Option<String>,
    /// When to give up on a request.
    pub patience: Patience,
}

impl StoreConfig {
    /// A store with nothing but its URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            options: Vec::new(),
            environment: Vec::new(),
            aws_profile: None,
            recipient: None,
            patience: Patience::default(),
        }
    }

    /// Adds an option.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.options.iter().map(|(name, _)| name).collect();
        f.debug_struct("StoreConfig")
            .field("url", &super::location::redacted(&self.url))
            .field("options", &names)
            .field("aws_profile", &self.aws_profile)
            .field("recipient", &self.recipient)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// A profile and the files it is looked up in.
#[derive(Clone, Debug)]
pub struct AwsProfile {
    /// Its name, `default` if the user named none.
    pub name: String,
    /// Usually `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// Usually `~/.aws/config`.
    pub config_file: Option<PathBuf>,
    /// Whether a missing profile is an error (the user named it) or nothing.
    pub required: bool,
}

/// The only retry layer between here and the store, and its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Times one request is repeated after an answer that may pass.
    pub retries: usize,
    /// First pause; it doubles up to [`Patience::longest_pause`].
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// No repeat begins later than this after the first try.
    pub give_up_after: Duration,
    /// Time to open a connection.
    pub connect: Duration,
    /// Time one request may take, body included: with 8 MiB parts, a floor of about 70 KiB/s.
    pub request: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            retries: 10,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(15),
            give_up_after: Duration::from_secs(180),
            connect: Duration::from_secs(10),
            request: Duration::from_secs(120),
        }
    }
}
