//! From a location and options to a client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{BackoffConfig, ClientOptions, HeaderValue, ObjectStore, RetryConfig};
use url::Url;

use super::config::{Patience, StoreConfig};
use super::location::{self, Cloud, Location};
use super::{aws_profile, error};
use crate::error::{Error, Kind, Result};

/// An opened client and where in it the repository lies.
pub(super) struct Opened {
    pub inner: Arc<dyn ObjectStore>,
    pub prefix: object_store::path::Path,
    pub folder: Option<std::path::PathBuf>,
    pub remote: bool,
}

/// Opens a place. `create` makes a missing folder; buckets are never made.
pub(super) async fn open(config: &StoreConfig, create: bool) -> Result<Opened> {
    match location::parse(&config.url)? {
        Location::Memory => Ok(memory()),
        Location::Folder(folder) => open_folder(&folder, create).await,
        Location::Cloud { cloud, url, query, prefix } => {
            use_ring();
            let inner = open_cloud(cloud, &url, query, config).await?;
            Ok(Opened { inner, prefix, folder: None, remote: true })
        }
    }
}

pub(super) fn memory() -> Opened {
    Opened { inner: Arc::new(InMemory::new()), prefix: Default::default(), folder: None, remote: false }
}

/// The HTTP client brings no cryptography of its own and takes the process's default provider. A provider that the
/// program has installed before stays.
fn use_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn open_folder(folder: &std::path::Path, create: bool) -> Result<Opened> {
    let trouble = |doing: &str, error: std::io::Error| {
        let error = object_store::Error::Generic { store: "folder", source: Box::new(error) };
        error::convert(&error, &format!("{doing} folder {}", folder.display()))
    };
    if create {
        tokio::fs::create_dir_all(folder).await.map_err(|error| trouble("creating", error))?;
    }
    let facts = tokio::fs::metadata(folder).await.map_err(|error| {
        trouble("opening", error)
            .hint("Check the path, and that what it lies on is mounted; init makes a new repository.")
    })?;
    if !facts.is_dir() {
        return Err(Error::new(Kind::Store, format!("{} is not a folder", folder.display())));
    }
    let doing = format!("opening folder {}", folder.display());
    let inner = LocalFileSystem::new_with_prefix(folder).map_err(|error| error::convert(&error, &doing))?;
    // Durable means durable: every file and its folder are synced before a put returns.
    let inner = Arc::new(inner.with_fsync(true));
    let folder = tokio::fs::canonicalize(folder).await.map_err(|error| trouble("opening", error))?;
    Ok(Opened { inner, prefix: Default::default(), folder: Some(folder), remote: false })
}

fn retry(patience: Patience) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: patience.first_pause, max_backoff: patience.longest_pause, base: 2. },
        max_retries: patience.retries,
        retry_timeout: patience.give_up_after,
    }
}

fn client(patience: Patience) -> ClientOptions {
    ClientOptions::new()
        .with_user_agent(HeaderValue::from_static(concat!("pgfreight/", env!("CARGO_PKG_VERSION"))))
        .with_connect_timeout(patience.connect)
        .with_timeout(patience.request)
}

/// Options in the order they win: later ones over earlier ones.
struct Options {
    /// From the environment and profiles: what does not concern the store is passed over.
    lenient: Vec<(String, String)>,
    /// From the user: unknown ones are errors.
    strict: Vec<(String, String)>,
}

impl Options {
    /// Parses the names; `K` is the store's own key type.
    fn typed<K: std::str::FromStr>(&self) -> Result<Vec<(K, String)>> {
        let mut typed = Vec::new();
        for (name, value) in &self.lenient {
            if let Ok(key) = name.to_ascii_lowercase().parse() {
                typed.push((key, value.clone()));
            }
        }
        for (name, value) in &self.strict {
            let key = name.to_ascii_lowercase().parse().map_err(|_| {
                Error::new(Kind::Usage, format!("the store has no option {name:?}"))
                    .hint("Options are named as in object_store: region, endpoint, allow_http, virtual_hosted_style_request, ….")
            })?;
            typed.push((key, value.clone()));
        }
        Ok(typed)
    }

    /// Whether one of these names has a value.
    fn any(&self, names: &[&str]) -> bool {
        let mut all = self.lenient.iter().chain(&self.strict);
        all.any(|(name, value)| !value.is_empty() && names.contains(&name.to_ascii_lowercase().as_str()))
    }

    /// The last value under one of these names.
    fn last(&self, names: &[&str]) -> Option<&str> {
        let mut all = self.lenient.iter().chain(&self.strict).rev();
        all.find(|(name, _)| names.contains(&name.to_ascii_lowercase().as_str())).map(|(_, value)| value.as_str())
    }
}

async fn open_cloud(
    cloud: Cloud,
    url: &Url,
    query: Vec<(String, String)>,
    config: &StoreConfig,
) -> Result<Arc<dyn ObjectStore>> {
    let mut lenient = Vec::new();
    if let (Cloud::S3, Some(profile)) = (cloud, &config.aws_profile) {
        lenient.extend(aws_profile::read(profile)?);
    }
    let family = match cloud {
        Cloud::S3 => "AWS_",
        Cloud::Gcs => "GOOGLE_",
        Cloud::Azure => "AZURE_",
    };
    let environment = config.environment.iter().filter(|(name, value)| name.starts_with(family) && !value.is_empty());
    lenient.extend(environment.cloned());
    let strict = query.into_iter().chain(config.options.iter().cloned()).collect();
    let options = Options { lenient, strict };
    need_credentials(cloud, &options).await?;
    let shown = location::redacted(&config.url);
    let build = match cloud {
        Cloud::S3 => s3(url, &options, config.patience),
        Cloud::Gcs => gcs(url, &options, config.patience),
        Cloud::Azure => azure(url, &options, config.patience),
    };
    build.map_err(|error| error.context(format!("opening {shown}")))
}

fn built<S: ObjectStore>(result: object_store::Result<S>) -> Result<Arc<dyn ObjectStore>> {
    match result {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(error::convert(&error, "reading its options")),
    }
}

fn s3(url: &Url, options: &Options, patience: Patience) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::new()
        .with_url(url.as_str())
        .with_retry(retry(patience))
        .with_client_options(client(patience).with_allow_http(plain_http_is_local(options)));
    for (key, value) in options.typed::<AmazonS3ConfigKey>()? {
        builder = builder.with_config(key, value);
    }
    built(builder.build())
}

fn gcs(url: &Url, options: &Options, patience: Patience) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_url(url.as_str())
        .with_retry(retry(patience))
        .with_client_options(client(patience).with_allow_http(plain_http_is_local(options)));
    for (key, value) in options.typed::<GoogleConfigKey>()? {
        builder = builder.with_config(key, value);
    }
    built(builder.build())
}

fn azure(url: &Url, options: &Options, patience: Patience) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = MicrosoftAzureBuilder::new()
        .with_url(url.as_str())
        .with_retry(retry(patience))
        .with_client_options(client(patience).with_allow_http(plain_http_is_local(options)));
    for (key, value) in options.typed::<AzureConfigKey>()? {
        builder = builder.with_config(key, value);
    }
    built(builder.build())
}

/// Plain HTTP is allowed without asking only to this machine; elsewhere `allow_http=true` must be said.
fn plain_http_is_local(options: &Options) -> bool {
    let names = ["aws_endpoint_url_s3", "aws_endpoint_url", "aws_endpoint", "endpoint_url", "endpoint", "base_url"];
    let azure = ["azure_endpoint", "azure_storage_endpoint", "google_base_url"];
    let endpoint = options.last(&names).or_else(|| options.last(&azure)).and_then(|text| Url::parse(text).ok());
    endpoint.filter(|url| url.scheme() == "http").is_some_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    })
}

/// Address at which machines find their provider's metadata service.
const METADATA: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 169, 254)), 80);

/// Without credentials the S3 client asks the metadata service of the machine, and on machines that have none it would
/// ask for minutes. One short look says so at once.
async fn need_credentials(cloud: Cloud, options: &Options) -> Result<()> {
    const WAYS: [&str; 12] = [
        "aws_access_key_id",
        "access_key_id",
        "aws_web_identity_token_file",
        "web_identity_token_file",
        "aws_container_credentials_relative_uri",
        "container_credentials_relative_uri",
        "aws_container_credentials_full_uri",
        "container_credentials_full_uri",
        "aws_metadata_endpoint",
        "metadata_endpoint",
        "aws_skip_signature",
        "skip_signature",
    ];
    // The clients for Google and Azure find credentials in places of their own, and say by themselves what is missing.
    if cloud != Cloud::S3 || options.any(&WAYS) || metadata_answers().await {
        return Ok(());
    }
    Err(Error::new(Kind::Store, "no credentials for S3, and this machine has no metadata service to ask for them")
        .hint("Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."))
}

async fn metadata_answers() -> bool {
    let connect = tokio::net::TcpStream::connect(METADATA);
    matches!(tokio::time::timeout(Duration::from_secs(1), connect).await, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(strict: &[(&str, &str)]) -> Options {
        let strict = strict.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Options { lenient: vec![("AWS_PAGER".into(), "less".into())], strict }
    }

    #[test]
    fn unknown_options_are_errors_unknown_environment_is_not() {
        assert_eq!(options(&[("region", "x")]).typed::<AmazonS3ConfigKey>().unwrap().len(), 1);
        let error = options(&[("regoin", "topsecret")]).typed::<AmazonS3ConfigKey>().unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.what().contains("regoin") && !format!("{error:?}").contains("topsecret"));
    }

    #[test]
    fn plain_http_goes_by_itself_only_to_this_machine() {
        for (endpoint, allowed) in [
            ("http://127.0.0.1:9000", true),
            ("http://localhost:9000", true),
            ("http://[::1]:9000", true),
            ("http://minio.example.org", false),
            ("https://127.0.0.1:9000", false),
        ] {
            assert_eq!(plain_http_is_local(&options(&[("endpoint", endpoint)])), allowed, "{endpoint}");
        }
    }
}
