//! Tests of [`super::resolve`]: layers, values, refusals.

use std::path::Path;

use super::options::{Attributes, Method, SslMode, Wish};
use super::{ConnectArgs, ConnectOptions, Environment, PasswordPrompt, resolve};
use crate::Error;
use secrecy::ExposeSecret;

fn env(vars: &[(&str, &str)]) -> Environment {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Environment { vars, home: None, user: Some("me".into()) }
}

fn d(dbname: &str) -> ConnectArgs {
    ConnectArgs { dbname: Some(dbname.to_owned()), ..ConnectArgs::default() }
}

fn ok(args: &ConnectArgs, vars: &[(&str, &str)]) -> ConnectOptions {
    resolve(args, &env(vars)).unwrap()
}

fn refused(args: &ConnectArgs, vars: &[(&str, &str)]) -> Error {
    let error = resolve(args, &env(vars)).unwrap_err();
    assert_eq!(error.kind(), crate::Kind::Usage);
    error
}

fn password(options: &ConnectOptions) -> Option<String> {
    options.passwords.explicit.as_ref().map(|word| word.expose_secret().to_owned())
}

#[test]
fn nothing_said() {
    let options = ok(&ConnectArgs::default(), &[]);
    assert_eq!(options.describe(), "local socket:5432/me");
    assert_eq!((options.user(), options.application_name()), ("me", "pgfreight"));
    assert_eq!(options.connect_timeout.unwrap().as_secs(), 60);
    assert_eq!(options.tls.mode, SslMode::Prefer);
    let nobody = Environment::default();
    assert!(resolve(&ConnectArgs::default(), &nobody).unwrap_err().what().contains("user name"));
}

#[test]
fn layers_in_libpqs_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service");
    std::fs::write(&file, "[s]\nhost=service\nport=2\nuser=service\ndbname=service\n").unwrap();
    let vars = [
        ("PGHOST", "environment"),
        ("PGPORT", "1"),
        ("PGUSER", "environment"),
        ("PGDATABASE", "environment"),
        ("PGAPPNAME", "environment"),
        ("PGSERVICEFILE", file.to_str().unwrap()),
    ];
    assert_eq!(ok(&ConnectArgs::default(), &vars).describe(), "environment:1/environment");
    let options = ok(&d("service=s user=string"), &vars);
    assert_eq!(options.describe(), "service:2/service");
    assert_eq!((options.user(), options.application_name()), ("string", "environment"));
    let args = ConnectArgs { port: Some("7".into()), user: Some("argument".into()), ..d("service=s") };
    let options = ok(&args, &vars);
    assert_eq!((options.describe().as_str(), options.user()), ("service:7/service", "argument"));
    let by_variable = ok(&d("other"), &[&vars[..], &[("PGSERVICE", "s")]].concat());
    assert_eq!(by_variable.describe(), "service:2/other");
    assert!(refused(&d("service=t"), &vars).what().contains("\"t\" was not found"));
}

#[test]
fn arguments_may_not_contradict_the_string() {
    let args = ConnectArgs { host: Some("a".into()), ..d("postgresql://b/x") };
    assert!(refused(&args, &[]).what().contains("host"));
    let args = ConnectArgs { host: Some("b".into()), user: Some("u".into()), ..d("postgresql://b/x") };
    assert_eq!(ok(&args, &[]).describe(), "b:5432/x");
    let args = ConnectArgs { host: Some("a".into()), ..d("hostaddr=10.0.0.1") };
    assert!(refused(&args, &[]).what().contains("host"));
}

#[test]
fn database_url_only_when_nothing_says_where() {
    let url = ("DATABASE_URL", "postgresql://u:secret@h:9/d");
    let options = ok(&ConnectArgs::default(), &[url]);
    assert_eq!((options.describe().as_str(), options.user()), ("h:9/d", "u"));
    assert_eq!(password(&options).as_deref(), Some("secret"));
    let host = ConnectArgs { host: Some("x".into()), ..ConnectArgs::default() };
    for (args, vars) in [
        (host, vec![url]),
        (d("x"), vec![url]),
        (ConnectArgs::default(), vec![url, ("PGHOST", "x")]),
        (ConnectArgs::default(), vec![url, ("PGDATABASE", "x")]),
    ] {
        assert_eq!(password(&ok(&args, &vars)), None);
    }
    let error = refused(&ConnectArgs::default(), &[("DATABASE_URL", "mysql://u:secret@h/d")]);
    assert!(error.what().contains("mysql://") && !error.what().contains("secret"));
    let user = ConnectArgs { user: Some("other".into()), ..ConnectArgs::default() };
    assert_eq!(ok(&user, &[url]).user(), "other");
}

#[test]
fn unknown_and_refused_parameters_are_named() {
    assert!(refused(&d("postgresql://h/d?pgbouncer=true"), &[]).what().contains("\"pgbouncer\""));
    assert!(refused(&d("hostt=x"), &[]).what().contains("\"hostt\""));
    let error = refused(&ConnectArgs::default(), &[("PGSSLCRL", "/x")]);
    assert!(error.what().contains("sslcrl") && error.what().contains("environment"), "{error}");
    assert!(refused(&d("replication=database"), &[]).what().contains("replication"));
    assert!(refused(&d("gssencmode=require"), &[]).what().contains("gssencmode"));
    for fine in ["replication=off", "gssencmode=prefer", "client_encoding=latin1", "krbsrvname=x"] {
        ok(&d(fine), &[("PGCLIENTENCODING", "LATIN1")]);
    }
}

#[test]
fn values_are_checked() {
    for bad in [
        "sslmode=on",
        "target_session_attrs=master",
        "channel_binding=yes",
        "connect_timeout=soon",
        "load_balance_hosts=yes",
        "sslnegotiation=fast",
        "require_auth=kerberos",
        "require_auth=md5,!scram-sha-256",
        "port=99999",
        "host=a,b port=1,2,3",
        "sslrootcert=system sslmode=require",
        "sslnegotiation=direct",
        "ssl_max_protocol_version=TLSv1.1",
        "ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
        "min_protocol_version=3.2",
    ] {
        refused(&d(bad), &[]);
    }
    let options = ok(&d("sslrootcert=system"), &[]);
    assert_eq!(options.tls.mode, SslMode::VerifyFull);
    let options = ok(
        &d("target_session_attrs=prefer-standby channel_binding=require connect_timeout=0 keepalives=0 \
            tcp_user_timeout=1500 ssl_min_protocol_version=TLSv1.3 require_auth=!password,!md5 options='-c a=b'"),
        &[],
    );
    assert_eq!(options.attributes, Attributes::PreferStandby);
    assert_eq!(options.channel_binding, Wish::Require);
    assert_eq!((options.connect_timeout, options.tcp.keepalive), (None, None));
    assert_eq!(options.tcp.user_timeout.unwrap().as_millis(), 1500);
    assert!(options.tls.tls13 && !options.tls.tls12);
    let required = options.require_auth.clone().unwrap();
    assert!(required.allows(Method::Scram) && required.allows(Method::None) && !required.allows(Method::Md5));
    assert_eq!(options.startup, [("options".to_owned(), "-c a=b".to_owned())]);
    assert_eq!(ok(&d("d"), &[("PGREQUIRESSL", "1")]).tls.mode, SslMode::Require);
    assert_eq!(ok(&d("d"), &[("PGREQUIRESSL", "1"), ("PGSSLMODE", "disable")]).tls.mode, SslMode::Disable);
    assert_eq!(ok(&d("fallback_application_name=f"), &[]).application_name(), "f");
    assert_eq!(ok(&d("d"), &[("PGCONNECT_TIMEOUT", "7")]).connect_timeout.unwrap().as_secs(), 7);
}

#[test]
fn passwords_and_prompts() {
    assert_eq!(password(&ok(&d("d"), &[("PGPASSWORD", "word")])).as_deref(), Some("word"));
    assert_eq!(password(&ok(&d("password=a"), &[("PGPASSWORD", "word")])).as_deref(), Some("a"));
    let prompt = PasswordPrompt::new(|text| {
        assert!(text.contains("me"));
        Ok("typed".into())
    });
    let asked = ConnectArgs { prompt: Some(prompt), force_prompt: true, ..d("d") };
    assert_eq!(password(&ok(&asked, &[])).as_deref(), Some("typed"));
    let never = ConnectArgs { never_prompt: true, force_prompt: false, ..asked };
    assert!(ok(&never, &[]).passwords.prompt.is_none());
}

#[cfg(unix)]
#[test]
fn a_loose_password_file_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".pgpass");
    std::fs::write(&file, "h:5432:d:me:secret\n").unwrap();
    let world = Environment { home: Some(folder.path().to_owned()), ..env(&[]) };
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let options = resolve(&d("postgresql://h/d"), &world).unwrap();
    assert!(options.warnings()[0].contains("0600"));
    let quiet = resolve(&d("postgresql://:x@h/d"), &world).unwrap();
    assert!(quiet.warnings().is_empty(), "a file that is not needed is not looked at");
    mode(0o600);
    let options = resolve(&d("postgresql://h/d"), &world).unwrap();
    assert!(options.warnings().is_empty());
    let found = |o: &ConnectOptions| o.passwords.file.find(Some("h"), 5432, &o.database, &o.user).is_some();
    assert!(found(&options) && !found(&options.with_database("e")));
}

#[test]
fn no_secret_in_debug() {
    let vars = [("PGPASSWORD", "secret-word"), ("DATABASE_URL", "postgresql://u:secret-word@h")];
    let args = ConnectArgs { password: Some("secret-word".into()), ..d("postgresql://u:secret-word@h/d") };
    let options = ok(&args, &vars);
    let shown = format!("{options:?} {args:?} {:?} {}", env(&vars), options.describe());
    assert!(!shown.contains("secret-word"), "{shown}");
    assert!(Path::new(&options.describe()).ends_with("d"));
}

#[test]
fn copies_change_one_thing() {
    let options = ok(&d("host=a,b dbname=d"), &[]);
    assert_eq!(options.with_database("e").describe(), "a:5432,b:5432/e");
    let twice = options.with_startup("client_encoding", "A").with_startup("client_encoding", "B");
    assert_eq!(twice.startup, [("client_encoding".to_owned(), "B".to_owned())]);
    assert_eq!(options.with_application_name("x").application_name(), "x");
}
