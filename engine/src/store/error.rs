//! What stores answer when something is wrong, in our words and with advice.
//!
//! Answers of stores are quoted by status, code and message only: whole bodies and URLs can carry access keys and
//! signatures.

use std::error::Error as StdError;
use std::io;

use crate::error::{Error, Kind};

/// What kind of trouble a store has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// Credentials missing, wrong, or not allowed to do this.
    Refused,
    /// No such bucket or folder.
    NoBucket,
    /// No such object.
    NotFound,
    /// Already there (answer to a create).
    Exists,
    /// No room, or a quota reached.
    Full,
    /// The folder may not be written.
    NotWritable,
    /// This machine's clock is wrong.
    Clock,
    /// The bucket lies in another region.
    Region,
    /// Overloaded, unreachable, too slow: may pass.
    Passing,
    /// The store cannot do what was asked.
    Unsupported,
    /// Anything else.
    Other,
}

/// The cause as it may be shown.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Answer(String);

/// Sorts an answer.
pub(super) fn trouble(error: &object_store::Error) -> Trouble {
    use object_store::Error as E;
    let text = chain_text(error);
    if let Some(io) = find_io(error) {
        match io.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                return Trouble::Full;
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => return Trouble::NotWritable,
            io::ErrorKind::NotFound => return Trouble::NotFound,
            _ => {}
        }
    }
    if let Some(trouble) = by_code(&text) {
        return trouble;
    }
    match error {
        E::NotFound { .. } => Trouble::NotFound,
        E::AlreadyExists { .. } | E::Precondition { .. } => Trouble::Exists,
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Trouble::Refused,
        E::NotSupported { .. } | E::NotImplemented { .. } => Trouble::Unsupported,
        _ => by_status(&text),
    }
}

/// By the words S3, GCS and Azure answer with.
fn by_code(text: &str) -> Option<Trouble> {
    const CODES: [(&str, Trouble); 15] = [
        ("NoSuchBucket", Trouble::NoBucket),
        ("ContainerNotFound", Trouble::NoBucket),
        ("QuotaExceeded", Trouble::Full),
        ("EntityTooLarge", Trouble::Full),
        ("InsufficientStorage", Trouble::Full),
        ("XMinioStorageFull", Trouble::Full),
        ("quota", Trouble::Full),
        ("RequestTimeTooSkewed", Trouble::Clock),
        ("InvalidAccessKeyId", Trouble::Refused),
        ("SignatureDoesNotMatch", Trouble::Refused),
        ("ExpiredToken", Trouble::Refused),
        ("AuthorizationHeaderMalformed", Trouble::Region),
        ("PermanentRedirect", Trouble::Region),
        ("redirect without LOCATION", Trouble::Region),
        ("SlowDown", Trouble::Passing),
    ];
    CODES.iter().find(|(code, _)| text.contains(code)).map(|(_, trouble)| *trouble)
}

fn by_status(text: &str) -> Trouble {
    match status(text) {
        Some(507) => Trouble::Full,
        Some(401 | 403) => Trouble::Refused,
        Some(404) => Trouble::NotFound,
        Some(501) => Trouble::Unsupported,
        Some(408 | 429 | 500..=599) => Trouble::Passing,
        Some(300..=399) => Trouble::Region,
        Some(_) => Trouble::Other,
        // No answer at all: connecting, sending or reading failed.
        None if text.contains("Error performing") || text.contains("HTTP error") => Trouble::Passing,
        None if find_words(text, &["timed out", "connection", "error sending request", "body"]) => Trouble::Passing,
        None => Trouble::Other,
    }
}

fn find_words(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// The HTTP status in an answer's text.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// All texts of a chain of causes; never shown as they are.
fn chain_text(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push('\n');
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn find_io(error: &object_store::Error) -> Option<&io::Error> {
    let mut source: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(io);
        }
        source = cause.source();
    }
    None
}

/// Content of an XML element.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(content, _)| content)
}

/// The answer, shortened to what may be shown.
fn answer(error: &object_store::Error) -> Answer {
    let text = chain_text(error);
    let mut parts: Vec<String> = find_io(error).map(ToString::to_string).into_iter().collect();
    if let Some(status) = status(&text) {
        parts.push(format!("the store answered {status}"));
    }
    parts.extend(element(&text, "Code").map(str::to_owned));
    parts.extend(element(&text, "Message").map(|message| message.chars().take(200).collect()));
    if parts.is_empty() {
        let words = ["timed out", "Connection refused", "connection closed", "dns error", "invalid peer certificate"];
        let lower = text.to_lowercase();
        parts.extend(words.iter().find(|word| lower.contains(&word.to_lowercase())).map(|word| (*word).to_owned()));
    }
    if parts.is_empty() {
        parts.push(scrubbed(text.lines().next().unwrap_or_default()));
    }
    if let Some((_, rest)) = text.split_once(", after ") {
        parts.extend(rest.split_once(" retries").map(|(times, _)| format!("after {times} repeats")));
    }
    Answer(parts.join(": "))
}

/// One line with every query cut off.
fn scrubbed(line: &str) -> String {
    let words = line.split(' ').map(|word| word.split('?').next().unwrap_or_default());
    words.collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

/// As the engine's error: `doing` says what was attempted (`storing object ab12…`).
pub(super) fn convert(error: &object_store::Error, doing: &str) -> Error {
    let trouble = trouble(error);
    let (what, hint) = words(trouble);
    let converted = Error::new(Kind::Store, format!("{doing}: {what}")).because(answer(error));
    let converted = if hint.is_empty() { converted } else { converted.hint(hint) };
    if trouble == Trouble::Passing { converted.passing() } else { converted }
}

fn words(trouble: Trouble) -> (&'static str, &'static str) {
    match trouble {
        Trouble::Refused => (
            "the store refused the credentials",
            "Check the credentials, and that they may read, write, list and delete under this prefix.",
        ),
        Trouble::NoBucket => {
            ("there is no such bucket", "Create it first, or check its name, the region and the endpoint.")
        }
        Trouble::NotFound => ("not found", ""),
        Trouble::Exists => ("it is already there", ""),
        Trouble::Full => (
            "the store is full",
            "Make room or raise the quota, then start again: what is already stored will be reused.",
        ),
        Trouble::NotWritable => (
            "the folder may not be read or written",
            "Check owner and permissions of the folder, and that its file system is mounted for writing.",
        ),
        Trouble::Clock => ("the store says this clock is wrong", "Set the time of this machine (NTP)."),
        Trouble::Region => (
            "the bucket lies in another region",
            "Name its region (AWS_REGION, or ?region=… in the URL) and its endpoint.",
        ),
        Trouble::Passing => (
            "the store does not answer as it should",
            "Try again when the store is well: what is already stored will be reused.",
        ),
        Trouble::Unsupported => ("the store cannot do that", "Use a store that is compatible with S3, GCS or Azure."),
        Trouble::Other => {
            ("the store failed", "Check URL, endpoint and region; `pgfreight doctor` tries the store out.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.to_owned().into() }
    }

    #[test]
    fn answers_are_sorted_by_code_status_and_cause() {
        let full = io::Error::from_raw_os_error(28);
        let full = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(full) };
        let cases = [
            (full, Trouble::Full),
            (generic("Server returned non-2xx status code: 503 Service Unavailable: "), Trouble::Passing),
            (generic("non-2xx status code: 507 Insufficient Storage: "), Trouble::Full),
            (generic("status code: 403: <Code>InvalidAccessKeyId</Code>"), Trouble::Refused),
            (generic("status code: 404: <Code>NoSuchBucket</Code>"), Trouble::NoBucket),
            (generic("status code: 403: <Code>RequestTimeTooSkewed</Code>"), Trouble::Clock),
            (generic("Error performing GET http://h/b in 1s - HTTP error: error sending request"), Trouble::Passing),
            (generic("Received redirect without LOCATION"), Trouble::Region),
            (generic("something else"), Trouble::Other),
        ];
        for (error, expected) in cases {
            assert_eq!(trouble(&error), expected, "{error}");
        }
    }

    #[test]
    fn answers_are_quoted_without_keys_and_signatures() {
        let body = "Error performing PUT https://h/b?X-Amz-Signature=topsecret in 1s, after 3 retries, max_retries: 3 - \
                    Server returned non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code>\
                    <Message>no</Message><AWSAccessKeyId>topsecret</AWSAccessKeyId></Error>";
        let error = convert(&generic(body), "storing object x");
        let cause = error.because_text();
        assert_eq!(cause, "the store answered 403: SignatureDoesNotMatch: no: after 3 repeats");
        assert!(!format!("{error:?}").contains("topsecret"));
        assert!(!format!("{:?}", convert(&generic("GET https://h/b?sig=topsecret failed"), "x")).contains("topsecret"));
    }

    impl Error {
        fn because_text(&self) -> String {
            StdError::source(self).map(ToString::to_string).unwrap_or_default()
        }
    }
}
