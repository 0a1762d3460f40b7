//! A bucket on a real S3 server, reached as its users reach theirs: variables, the configuration file, a named profile.

use pgfreight_fixtures::postgres::{Cluster, Database};
use pgfreight_fixtures::s3;

use crate::program::{Home, Outcome};

struct Bucket<'a> {
    home: Home,
    server: s3::Server,
    identity: String,
    repository: String,
    source: Database<'a>,
}

impl Bucket<'_> {
    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
        let outcome = self.home.run_with(&[args, &["--repo", &self.repository]].concat(), variables);
        for secret in [self.server.secret_key(), "wrong+secret"] {
            assert!(!outcome.out.contains(secret) && !outcome.err.contains(secret), "a secret: {}", outcome.err);
        }
        outcome
    }

    /// Dumps and verifies with these surroundings.
    fn round(&self, more: &[&str], variables: &[(&str, &str)]) {
        let url = self.source.url();
        self.run(&[&["dump", "-d", &url][..], more].concat(), variables).expect(0);
        self.run(&[&["verify", "-i", &self.identity][..], more].concat(), variables).expect(0);
    }
}

fn bucket(cluster: &Cluster) -> Bucket<'_> {
    let source = cluster.database("cli_bucket");
    source.execute("CREATE TABLE t AS SELECT i, md5(i::text) AS word FROM generate_series(1, 20000) i");
    let home = Home::new();
    let server = s3::Server::start();
    let (identity, recipient) = home.identity("id.txt");
    let bucket = Bucket { repository: format!("{}/nightly/shop", server.url()), home, server, identity, source };
    let variables = bucket.server.env();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    bucket.run(&["init", "-r", &recipient], &variables).expect(0);
    bucket
}

#[test]
fn a_bucket_by_variables_by_file_and_by_profile() {
    let bucket = bucket(Cluster::shared(18));
    let (key, secret) = (bucket.server.access_key(), bucket.server.secret_key());
    let variables = bucket.server.env();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    bucket.round(&[], &variables);

    let store =
        format!("[store]\nendpoint = \"{}\"\nregion = \"us-east-1\"\nallow-http = true\n", bucket.server.endpoint());
    bucket.home.write("keys.toml", &store);
    bucket.round(&["--config", "keys.toml"], &[("AWS_ACCESS_KEY_ID", key), ("AWS_SECRET_ACCESS_KEY", secret)]);

    std::fs::create_dir(bucket.home.path(".aws")).expect("a folder");
    let profile = format!("[backup]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
    bucket.home.write(".aws/credentials", &profile);
    bucket.home.write("profile.toml", &format!("{store}profile = \"backup\"\n"));
    bucket.round(&["--config", "profile.toml"], &[]);

    let listed = bucket.run(&["list", "-i", &bucket.identity, "--json"], &variables).expect(0).result();
    assert_eq!(listed["report"]["dumps"].as_array().map(Vec::len), Some(3), "{listed}");
}

#[test]
fn a_bucket_that_refuses_says_why_and_what_to_do() {
    let bucket = bucket(Cluster::shared(18));
    let endpoint = bucket.server.endpoint().to_owned();
    let with = |key: &str, secret: &str, endpoint: &str| {
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ALLOW_HTTP", "true"),
        ];
        bucket.run(&["dump", "-d", &bucket.source.url()], &variables).expect(12)
    };
    let refused = with(bucket.server.access_key(), "wrong+secret", &endpoint);
    assert!(refused.err.contains("\nhint: "), "{}", refused.err);
    let unknown = with("AKNOBODY", "wrong+secret", &endpoint);
    assert!(unknown.err.contains("\nhint: "), "{}", unknown.err);
}
