//! Passwords and where they come from; who is refused and how that is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pgfreight_engine::Kind;
use pgfreight_engine::connect::{self, ConnectArgs, PasswordPrompt, Role, needs_password, resolve, sqlstate};
use pgfreight_fixtures::pgbouncer::{Mode, PgBouncer};
use pgfreight_fixtures::postgres::{Auth, Cluster, Options};

use super::{both, options, refused, told, with_vars, world};

#[tokio::test]
async fn every_password_method() {
    for auth in [Auth::Scram, Auth::Md5, Auth::Password] {
        let cluster = Cluster::start(16, &Options { auth, password: "sécret ':@/".into(), ..Options::default() });
        both(&options(&cluster.url("postgres"))).await.unwrap_or_else(|error| panic!("{auth:?}: {}", told(&error)));
        let without = format!("host=127.0.0.1 port={} user=postgres", cluster.port());
        let error = refused(&options(&without)).await;
        assert!(needs_password(&error) && told(&error).contains("PGPASSWORD"), "{}", told(&error));
        let error = refused(&with_vars(&without, &[("PGPASSWORD", "not-the-word")])).await;
        assert_eq!((error.kind(), sqlstate(&error), error.is_passing()), (Kind::Source, Some("28P01"), false));
        assert!(!told(&error).contains("not-the-word"));
        let name = ["password", "md5", "scram-sha-256"]
            .into_iter()
            .find(|name| format!("{auth:?}").to_lowercase().starts_with(&name[..3]))
            .unwrap();
        let url = format!("{}?require_auth=!{name}", cluster.url("postgres"));
        assert!(told(&refused(&options(&url)).await).contains("require_auth"));
    }
}

#[tokio::test]
async fn passwords_from_files_and_people() {
    let cluster = Cluster::start(18, &Options { auth: Auth::Scram, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".pgpass");
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    std::fs::write(&file, format!("127.0.0.1:{}:*:postgres:secret\n", cluster.port())).unwrap();
    mode(0o600);
    let args = ConnectArgs {
        dbname: Some("postgres".into()),
        host: Some("127.0.0.1".into()),
        port: Some(cluster.port().to_string()),
        user: Some("postgres".into()),
        ..ConnectArgs::default()
    };
    both(&resolve(&args, &world(&[], Some(folder.path()))).unwrap()).await.unwrap();
    mode(0o644);
    let loose = resolve(&args, &world(&[], Some(folder.path()))).unwrap();
    let error = refused(&loose).await;
    assert!(needs_password(&error) && told(&error).contains("was ignored"), "{}", told(&error));

    // Nobody is asked twice, however many connections are opened.
    let asked = Arc::new(AtomicU32::new(0));
    let counter = asked.clone();
    let prompt = PasswordPrompt::new(move |text| {
        assert!(text.contains("postgres"));
        counter.fetch_add(1, Ordering::Relaxed);
        Ok("secret".into())
    });
    let asking = resolve(&ConnectArgs { prompt: Some(prompt), ..args.clone() }, &world(&[], None)).unwrap();
    let at_once = tokio::join!(both(&asking), both(&asking));
    assert!(at_once.0.is_ok() && at_once.1.is_ok());
    both(&asking.with_database("template1")).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let wrong = PasswordPrompt::new(|_| Ok("wrong".into()));
    let asking = resolve(&ConnectArgs { prompt: Some(wrong), ..args }, &world(&[], None)).unwrap();
    assert_eq!(sqlstate(&refused(&asking).await), Some("28P01"));
}

#[tokio::test]
async fn service_files_and_sockets() {
    let cluster = Cluster::start(18, &Options { auth: Auth::Scram, ..Options::default() });
    let sockets = cluster.socket_folder().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("services");
    let text = format!("[here]\nhost={}\nport={}\nuser=postgres\ndbname=postgres\n", sockets.display(), cluster.port());
    std::fs::write(&file, text).unwrap();
    let (session, _) = both(&with_vars("service=here", &[("PGSERVICEFILE", file.to_str().unwrap())])).await.unwrap();
    let row = session.query_one("SELECT inet_client_addr() IS NULL, current_setting('application_name')", &[]).await;
    let row = row.unwrap();
    assert_eq!((row.get::<_, bool>(0), row.get::<_, &str>(1)), (true, "pgfreight"));
    // TLS is no matter of sockets, whatever the mode says.
    let encoded = sockets.to_string_lossy().replace('/', "%2F");
    let url = format!("postgresql://postgres@{encoded}:{}/postgres?sslmode=verify-full", cluster.port());
    both(&options(&url)).await.unwrap();
    let nowhere = format!("host={} port=1 user=postgres", folder.path().display());
    let error = refused(&options(&nowhere)).await;
    assert!(error.what().contains("no such server socket"), "{}", told(&error));
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let cluster = Cluster::shared(18);
    let error = refused(&options(&cluster.url("no_such_database"))).await;
    assert_eq!(sqlstate(&error), Some("3D000"));
    assert!(told(&error).contains("Create the database"));
    let error = refused(&options(&cluster.url_for("no_such_role", None, "postgres"))).await;
    assert!(told(&error).contains("no_such_role"), "{}", told(&error));
    let closed = pgfreight_fixtures::process::free_port();
    let error = refused(&options(&format!("host=127.0.0.1 port={closed} user=x"))).await;
    assert!(error.is_passing() && error.what().contains("refused"), "{}", told(&error));
    let error = refused(&options("host=no-such-host.invalid user=x")).await;
    assert!(!error.is_passing() && told(&error).contains("DNS"), "{}", told(&error));
    let role = cluster.role("full", "LOGIN CONNECTION LIMIT 0");
    let error = refused(&options(&cluster.url_for(role.name(), None, "postgres"))).await;
    assert_eq!(sqlstate(&error), Some("53300"));
    assert!(error.is_passing() && told(&error).contains("-j"), "{}", told(&error));
}

#[tokio::test]
async fn something_else_on_the_port() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut peer, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    for mode in ["disable", "prefer", "require"] {
        let error = refused(&options(&format!("host=127.0.0.1 port={port} user=x sslmode={mode}"))).await;
        assert!(told(&error).contains("PostgreSQL server") || error.is_passing(), "{}", told(&error));
    }
}

#[tokio::test]
async fn connect_timeout_against_a_black_hole() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for mode in ["disable", "require"] {
        let begun = std::time::Instant::now();
        let options = options(&format!("host=127.0.0.1 port={port} user=x connect_timeout=1 sslmode={mode}"));
        let error = connect::lane(&options, Role::Target).await.map(drop).unwrap_err();
        assert!(begun.elapsed() < std::time::Duration::from_secs(10));
        assert!(error.is_passing() && error.kind() == Kind::Target && error.what().contains("within 1 s"));
    }
}

#[tokio::test]
async fn through_a_transaction_pooler() {
    let cluster = Cluster::shared(17);
    let pooler = PgBouncer::start(cluster, Mode::Transaction);
    let (session, mut lane) = both(&options(&pooler.url("postgres"))).await.unwrap();
    assert_eq!(lane.execute("SELECT 1").await.unwrap(), [[Some("1".to_owned())]]);
    assert_eq!((session.version().major(), lane.version().major()), (17, 17));
    let unknown = options(&pooler.url("postgres")).with_startup("statement_timeout", "0");
    let text = told(&refused(&unknown).await);
    assert!(text.contains("pooler"), "{text}");
}

#[tokio::test]
async fn every_major() {
    for major in pgfreight_fixtures::parts::MAJORS {
        let (session, mut lane) = both(&options(&Cluster::shared(major).url("postgres"))).await.unwrap();
        assert_eq!(session.version(), lane.version());
        let number = lane.execute("SHOW server_version_num").await.unwrap()[0][0].clone().unwrap();
        assert_eq!(number, lane.version().0.to_string());
        assert_eq!(lane.parameter("client_encoding"), lane.parameter("server_encoding"));
        assert_eq!(session.parameter("client_encoding"), Some("UTF8"));
        let pid: i32 = session.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        assert_eq!(pid, session.backend_pid());
        // Nothing but the startup packet is set.
        let set = lane.execute("SELECT name FROM pg_settings WHERE source IN ('session', 'client')").await.unwrap();
        let names: Vec<_> = set.iter().flat_map(|row| row[0].as_deref()).collect();
        assert_eq!(names, ["application_name"], "{major}");
    }
}
