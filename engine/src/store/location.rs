//! Where a store lies: the text a person gives, taken apart.

use std::path::PathBuf;

use object_store::ObjectStoreScheme;
use object_store::path::Path;
use url::Url;

use crate::error::{Error, Kind, Result};

/// A place, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// Memory of this process.
    Memory,
    /// A bucket or container.
    Cloud {
        /// Whose protocol.
        cloud: Cloud,
        /// The URL without its query.
        url: Url,
        /// The query: options.
        query: Vec<(String, String)>,
        /// Prefix within the bucket.
        prefix: Path,
    },
}

/// Protocols of object stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    /// S3 and everything that speaks it.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

/// Takes a path or URL apart.
pub(super) fn parse(text: &str) -> Result<Location> {
    let bad = |why: &str| {
        Error::new(Kind::Usage, format!("{} is no place for a repository: {why}", redacted(text)))
            .hint("Give a folder, or a URL like s3://bucket/prefix, gs://bucket/prefix, az://container/prefix.")
    };
    if text.is_empty() {
        return Err(bad("it is empty"));
    }
    let scheme = text.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
    let Some(scheme) = scheme else { return Ok(Location::Folder(PathBuf::from(text))) };
    let url = Url::parse(text).map_err(|_| bad("not a URL"))?;
    match scheme {
        "memory" => Ok(Location::Memory),
        "file" => url.to_file_path().map(Location::Folder).map_err(|()| bad("not a path of this machine")),
        _ => parse_cloud(url).map_err(bad),
    }
}

/// A scheme has at least two letters, so that `C:\folder` stays a folder.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|b| b.is_ascii_alphanumeric()) && text.as_bytes()[0].is_ascii_alphabetic()
}

fn parse_cloud(mut url: Url) -> Result<Location, &'static str> {
    if !url.username().is_empty() && !matches!(url.scheme(), "abfs" | "abfss" | "az" | "azure" | "adl") {
        return Err("credentials do not belong in the URL");
    }
    if url.password().is_some() {
        return Err("credentials do not belong in the URL");
    }
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    url.set_query(None);
    url.set_fragment(None);
    let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|_| "no store speaks this scheme")?;
    let cloud = match scheme {
        ObjectStoreScheme::AmazonS3 => Cloud::S3,
        ObjectStoreScheme::GoogleCloudStorage => Cloud::Gcs,
        ObjectStoreScheme::MicrosoftAzure => Cloud::Azure,
        _ => return Err("no store speaks this scheme"),
    };
    Ok(Location::Cloud { cloud, url, query, prefix })
}

/// A URL without user information and query: what may be shown.
pub(super) fn redacted(text: &str) -> String {
    let shown = text.split(['?', '#']).next().unwrap_or_default();
    match shown.split_once("://") {
        Some((scheme, rest)) => {
            let host_end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..host_end].rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{}", &rest[host_end..])
        }
        None => shown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_urls_are_told_apart() {
        for path in ["backups", "/srv/dumps", "./a:b", "../x y", "C:\\dumps"] {
            assert_eq!(parse(path).unwrap(), Location::Folder(path.into()), "{path}");
        }
        assert_eq!(parse("file:///srv/a%20b").unwrap(), Location::Folder("/srv/a b".into()));
        assert_eq!(parse("memory:").unwrap(), Location::Memory);
        let Location::Cloud { cloud, url, query, prefix } = parse("s3://b/x/y?region=eu&endpoint=http://h:1").unwrap()
        else {
            panic!("a bucket")
        };
        assert_eq!((cloud, url.as_str(), prefix.as_ref()), (Cloud::S3, "s3://b/x/y", "x/y"));
        assert_eq!(query, [("region".into(), "eu".into()), ("endpoint".into(), "http://h:1".into())]);
        for (text, expected) in [("gs://b", Cloud::Gcs), ("az://c/p", Cloud::Azure), ("s3a://b", Cloud::S3)] {
            assert!(matches!(parse(text).unwrap(), Location::Cloud { cloud, .. } if cloud == expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused_without_showing_secrets() {
        for text in ["", "ftp://host/x", "http://host/x", "file://host/x", "s3://AKIA:topsecret@b/x?key=topsecret"] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{text}");
            assert!(!format!("{error:?}").contains("topsecret"), "{error:?}");
        }
    }

    #[test]
    fn shown_without_user_information_and_query() {
        assert_eq!(redacted("s3://u:p@b/x?k=v"), "s3://b/x");
        assert_eq!(redacted("/a/b"), "/a/b");
        assert_eq!(redacted("abfss://c@acc.host/x"), "abfss://acc.host/x");
    }
}
