//! Named profiles of the AWS configuration files ("Configuration and credential file settings in the AWS CLI").
//!
//! Read here because `object_store` does not. Taken from them: static keys, session token, region, endpoint. What a
//! profile would have to run or ask for (roles to assume, SSO, credential processes) is refused by name rather than
//! passed over in silence.

use std::collections::BTreeMap;
use std::path::Path;

use super::config::AwsProfile;
use crate::error::{Error, Kind, Result};
use crate::limits;

type Section = BTreeMap<String, String>;

/// Settings of one profile as `object_store` names them.
pub(super) fn read(profile: &AwsProfile) -> Result<Vec<(String, String)>> {
    let mut found = Section::new();
    let mut seen = false;
    for (file, is_config) in [(&profile.config_file, true), (&profile.credentials_file, false)] {
        let Some(text) = file.as_deref().map(read_file).transpose()?.flatten() else { continue };
        if let Some(section) = section(&text, &profile.name, is_config) {
            seen = true;
            found.extend(section);
        }
    }
    if !seen && profile.required {
        return Err(Error::new(Kind::Store, format!("there is no AWS profile {:?}", profile.name))
            .hint("Check AWS_PROFILE and the files ~/.aws/config and ~/.aws/credentials."));
    }
    let has_keys = found.contains_key("aws_access_key_id") && found.contains_key("aws_secret_access_key");
    let asks = ["role_arn", "sso_session", "sso_start_url", "credential_process"];
    if let Some(asks) = asks.iter().find(|name| found.contains_key(**name)).filter(|_| !has_keys) {
        return Err(Error::new(
            Kind::Store,
            format!("AWS profile {:?} uses {asks}, which is not read here", profile.name),
        )
        .hint("Export the credentials it gives (aws configure export-credentials --format env) and start again."));
    }
    let taken = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region", "endpoint_url"];
    Ok(taken.iter().filter_map(|name| Some(((*name).to_owned(), found.remove(*name)?))).collect())
}

fn read_file(path: &Path) -> Result<Option<String>> {
    let unreadable =
        |error: std::io::Error| Error::new(Kind::Store, format!("cannot read {}", path.display())).because(error);
    match std::fs::metadata(path) {
        Ok(facts) if facts.len() > limits::SMALL_FILE_MAX => {
            Err(Error::new(Kind::Store, format!("{} is too large for an AWS configuration file", path.display())))
        }
        Ok(_) => std::fs::read_to_string(path).map(Some).map_err(unreadable),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

/// The settings under a profile's heading: `[name]`, in the config file `[profile name]` except for `default`.
fn section(text: &str, name: &str, is_config: bool) -> Option<Section> {
    let mut inside = false;
    let mut found = None;
    for line in text.lines() {
        // Indented lines belong to a nested setting (`s3 =`), which is none of ours.
        let nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(heading) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let heading = heading.trim();
            let in_config = heading.strip_prefix("profile").map_or(heading, str::trim);
            let plain_allowed = !is_config || heading == "default" || heading.starts_with("profile");
            inside = plain_allowed && (if is_config { in_config } else { heading }) == name;
            if inside {
                found.get_or_insert_with(Section::new);
            }
            continue;
        }
        if let (true, false, Some((key, value)), Some(found)) = (inside, nested, line.split_once('='), found.as_mut()) {
            found.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[default]\nregion = eu-central-1\n\n[profile ops]\nregion=eu-west-1\ns3 =\n  region = no\n\
                          endpoint_url = https://s3.example.org\n[ops]\nregion = wrong\n[profile role]\nrole_arn = arn:x\n";
    const KEYS: &str = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key = S\n[ops]\n\
                        aws_access_key_id=AO\naws_secret_access_key=SO\naws_session_token=T\n";

    fn profile(name: &str, folder: &Path) -> AwsProfile {
        std::fs::write(folder.join("config"), CONFIG).unwrap();
        std::fs::write(folder.join("credentials"), KEYS).unwrap();
        AwsProfile {
            name: name.to_owned(),
            credentials_file: Some(folder.join("credentials")),
            config_file: Some(folder.join("config")),
            required: true,
        }
    }

    #[test]
    fn a_profile_is_put_together_from_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let ops = read(&profile("ops", folder.path())).unwrap();
        let expected = [
            ("aws_access_key_id", "AO"),
            ("aws_secret_access_key", "SO"),
            ("aws_session_token", "T"),
            ("region", "eu-west-1"),
            ("endpoint_url", "https://s3.example.org"),
        ];
        assert_eq!(ops, pairs(&expected));
        let default = read(&profile("default", folder.path())).unwrap();
        assert_eq!(default.last(), pairs(&[("region", "eu-central-1")]).last());
    }

    #[test]
    fn missing_profiles_and_ones_that_must_ask_are_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&profile("nobody", folder.path())).unwrap_err().what().contains("nobody"));
        assert!(read(&profile("role", folder.path())).unwrap_err().what().contains("role_arn"));
        let mut optional = profile("nobody", folder.path());
        optional.required = false;
        assert_eq!(read(&optional).unwrap(), []);
    }
}
