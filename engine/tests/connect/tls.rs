//! Every `sslmode` against servers with and without TLS, certificates, channel binding.

use pgfreight_fixtures::postgres::{Auth, Cluster, Options};

use super::{encrypted, options, refused, told};

fn url(cluster: &Cluster, more: &str) -> String {
    format!("host=localhost port={} user=postgres dbname=postgres {more}", cluster.port())
}

#[tokio::test]
async fn every_mode_against_servers_with_tls_both_and_without() {
    let only = Cluster::start(18, &Options { tls: true, ..Options::default() });
    let both = Cluster::start(16, &Options { tls: true, plain_too: true, ..Options::default() });
    let none = Cluster::shared(17);
    let ca = |cluster: &Cluster| format!("sslrootcert={}", cluster.tls().unwrap().ca.display());
    // Mode, and whether it is encrypted: only TLS, both, no TLS. Nothing means refused.
    for (mode, with_only, with_both, with_none) in [
        ("disable", None, Some(false), Some(false)),
        ("allow", Some(true), Some(false), Some(false)),
        ("prefer", Some(true), Some(true), Some(false)),
        ("require", Some(true), Some(true), None),
        ("verify-ca", Some(true), Some(true), None),
        ("verify-full", Some(true), Some(true), None),
    ] {
        for (cluster, roots, expected) in
            [(&only, ca(&only), with_only), (&both, ca(&both), with_both), (none, ca(&both), with_none)]
        {
            let options = options(&url(cluster, &format!("sslmode={mode} {roots}")));
            match expected {
                Some(expected) => assert_eq!(encrypted(&options).await, expected, "{mode}"),
                None => {
                    let error = refused(&options).await;
                    let text = told(&error);
                    assert!(text.contains("sslmode="), "{mode}: {text}");
                }
            }
        }
    }
    // Without roots, "require" encrypts and does not verify; the verify modes have nothing to verify with.
    assert!(encrypted(&options(&url(&only, "sslmode=require"))).await);
    let text = told(&refused(&options(&url(&only, "sslmode=verify-ca"))).await);
    assert!(text.contains("root certificates") && text.contains("sslrootcert=system"), "{text}");
}

#[tokio::test]
async fn certificates_are_verified() {
    let cluster = Cluster::start(18, &Options { tls: true, ..Options::default() });
    let files = cluster.tls().unwrap();
    let ca = format!("sslrootcert={}", files.ca.display());
    let stranger = format!("sslrootcert={}", files.stranger_ca.display());
    // As in libpq a root certificate that is there is used by "require", too.
    for mode in ["require", "verify-ca", "verify-full"] {
        let text = told(&refused(&options(&url(&cluster, &format!("sslmode={mode} {stranger}")))).await);
        assert!(text.contains("not issued by a CA in sslrootcert"), "{mode}: {text}");
    }
    let elsewhere = format!("host=db.example.org hostaddr=127.0.0.1 port={} user=postgres {ca}", cluster.port());
    assert!(encrypted(&options(&format!("{elsewhere} sslmode=verify-ca"))).await);
    let text = told(&refused(&options(&format!("{elsewhere} sslmode=verify-full"))).await);
    assert!(text.contains("another host name"), "{text}");
    let address = format!("hostaddr=127.0.0.1 port={} user=postgres {ca} sslmode=verify-full", cluster.port());
    assert!(encrypted(&options(&address)).await, "the certificate names the address");
    let text = told(&refused(&options(&url(&cluster, "sslrootcert=system"))).await);
    assert!(text.contains("TLS handshake") || text.contains("system root"), "{text}");
    let text = told(&refused(&options(&url(&cluster, "sslmode=verify-full sslrootcert=/nowhere"))).await);
    assert!(text.contains("/nowhere"), "{text}");
    for versions in ["ssl_max_protocol_version=TLSv1.2", "ssl_min_protocol_version=TLSv1.3", "sslsni=0"] {
        assert!(encrypted(&options(&url(&cluster, &format!("sslmode=verify-full {ca} {versions}")))).await);
    }
}

#[tokio::test]
async fn tls_from_the_first_byte() {
    let new = Cluster::start(18, &Options { tls: true, ..Options::default() });
    let direct = "sslmode=require sslnegotiation=direct connect_timeout=5";
    assert!(encrypted(&options(&url(&new, direct))).await);
    let old = Cluster::start(16, &Options { tls: true, ..Options::default() });
    refused(&options(&url(&old, direct))).await;
}

#[tokio::test]
async fn client_certificates() {
    let cluster = Cluster::start(18, &Options { tls: true, auth: Auth::Cert, ..Options::default() });
    let files = cluster.tls().unwrap();
    let base = format!("sslmode=verify-full sslrootcert={}", files.ca.display());
    let with =
        |key: &std::path::Path| format!("{base} sslcert={} sslkey={}", files.client_cert.display(), key.display());
    assert!(encrypted(&options(&url(&cluster, &with(&files.client_key)))).await);
    assert!(encrypted(&options(&url(&cluster, &format!("{} sslcertmode=require", with(&files.client_key))))).await);
    refused(&options(&url(&cluster, &base))).await;
    refused(&options(&url(&cluster, &format!("{} sslcertmode=disable", with(&files.client_key))))).await;

    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("client.key");
    std::fs::copy(&files.client_key, &key).unwrap();
    permissions(&key, 0o644);
    let text = told(&refused(&options(&url(&cluster, &with(&key)))).await);
    assert!(text.contains("0600"), "{text}");
    std::fs::write(&key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n").unwrap();
    permissions(&key, 0o600);
    let text = told(&refused(&options(&url(&cluster, &with(&key)))).await);
    assert!(text.contains("encrypted"), "{text}");
    let text = told(&refused(&options(&url(&cluster, &with(&folder.path().join("none"))))).await);
    assert!(text.contains("client key"), "{text}");

    // The default place is used when it exists.
    let home = folder.path().join("home");
    std::fs::create_dir_all(home.join(".postgresql")).unwrap();
    std::fs::copy(&files.client_cert, home.join(".postgresql/postgresql.crt")).unwrap();
    std::fs::copy(&files.client_key, home.join(".postgresql/postgresql.key")).unwrap();
    std::fs::copy(&files.ca, home.join(".postgresql/root.crt")).unwrap();
    permissions(&home.join(".postgresql/postgresql.key"), 0o600);
    let args =
        super::ConnectArgs { dbname: Some(url(&cluster, "sslmode=verify-full")), ..super::ConnectArgs::default() };
    assert!(encrypted(&super::resolve(&args, &super::world(&[], Some(&home))).unwrap()).await);
}

fn permissions(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_client_certificate_that_is_not_asked_for() {
    let cluster = Cluster::start(17, &Options { tls: true, ..Options::default() });
    cluster.execute("ALTER SYSTEM SET ssl_ca_file = ''");
    cluster.execute("SELECT pg_reload_conf()");
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let files = cluster.tls().unwrap();
    let text = format!(
        "sslmode=require sslcertmode=require sslcert={} sslkey={}",
        files.client_cert.display(),
        files.client_key.display()
    );
    let text = told(&refused(&options(&url(&cluster, &text))).await);
    assert!(text.contains("client certificate"), "{text}");
}

#[tokio::test]
async fn scram_with_and_without_channel_binding() {
    let cluster = Cluster::start(18, &Options { tls: true, plain_too: true, auth: Auth::Scram, ..Options::default() });
    for (more, fine) in [
        ("sslmode=require channel_binding=require", true),
        ("sslmode=require channel_binding=prefer", true),
        ("sslmode=require channel_binding=disable", true),
        ("sslmode=disable channel_binding=prefer", true),
        ("sslmode=disable channel_binding=require", false),
        ("sslmode=require require_auth=scram-sha-256", true),
        ("sslmode=require require_auth=!scram-sha-256", false),
        ("sslmode=require require_auth=none", false),
    ] {
        let options = options(&url(&cluster, &format!("{more} password=secret")));
        if fine {
            encrypted(&options).await;
        } else {
            let text = told(&refused(&options).await);
            assert!(text.contains("channel binding") || text.contains("require_auth"), "{more}: {text}");
        }
    }
    let text = told(&refused(&options(&url(&cluster, "sslmode=prefer password=wrong"))).await);
    assert!(text.contains("password authentication failed") && text.contains("28P01"), "{text}");
    let tried = cluster.log().matches("password authentication failed").count();
    assert_eq!(tried, 2, "a refused password is not offered again without encryption");
}

#[tokio::test]
async fn channel_binding_where_the_server_cannot() {
    for auth in [Auth::Trust, Auth::Md5, Auth::Password] {
        let cluster = Cluster::start(17, &Options { tls: true, auth, ..Options::default() });
        let text = "sslmode=require channel_binding=require password=secret";
        let text = told(&refused(&options(&url(&cluster, text))).await);
        assert!(text.contains("channel binding is required"), "{text}");
    }
}

#[tokio::test]
async fn cancel_goes_through_tls() {
    let cluster = Cluster::start(18, &Options { tls: true, ..Options::default() });
    let options = options(&url(&cluster, "sslmode=require"));
    super::copy::cancelled(&options).await;
}
