//! Several hosts: failover, session attributes, and what is not passed on to the next.

use pgfreight_engine::connect::{Role, Session, pair};
use pgfreight_fixtures::postgres::{Auth, Cluster, Options};
use pgfreight_fixtures::process::free_port;

use super::{both, options, refused, told};

#[tokio::test]
async fn the_first_host_that_answers() {
    let cluster = Cluster::shared(18);
    let closed = free_port();
    let list =
        format!("host=127.0.0.1,no-such-host.invalid,127.0.0.1 port={closed},1,{} user=postgres", cluster.port());
    let (session, _) = both(&options(&list)).await.unwrap();
    assert_eq!(session.pinned().describe(), format!("127.0.0.1:{}/postgres", cluster.port()));
    both(&session.pinned()).await.unwrap();
    both(&options(&format!("{list} load_balance_hosts=random"))).await.unwrap();
    let dead = format!("host=127.0.0.1,no-such-host.invalid port={closed},1 user=postgres");
    let text = told(&refused(&options(&dead)).await);
    assert!(text.contains(&closed.to_string()) && text.contains("no-such-host"), "{text}");
}

/// Opened side by side, both may end on any of the hosts; what is given out is on one.
#[tokio::test]
async fn a_pair_is_on_one_server() {
    let (old, new) = (Cluster::shared(14), Cluster::shared(18));
    let list = format!("host=127.0.0.1,127.0.0.1 port={},{} user=postgres", old.port(), new.port());
    let balanced = options(&format!("{list} load_balance_hosts=random"));
    let mut met = std::collections::BTreeSet::new();
    for _ in 0..24 {
        let (session, mut lane) = pair(&balanced, Role::Source).await.unwrap();
        assert_eq!(lane.version(), session.version());
        assert_eq!(lane.execute("SHOW port").await.unwrap()[0][0], Some(port_of(&session)));
        met.insert(session.version().major());
    }
    assert_eq!(met.len(), 2, "random hosts were always the same one");
    let nobody = options(&format!("host=127.0.0.1 port={} user=postgres", free_port()));
    assert!(pair(&nobody, Role::Source).await.is_err());
}

fn port_of(session: &Session) -> String {
    let (_, rest) = session.pinned().describe().rsplit_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    rest.split('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn credentials_are_not_offered_around() {
    let first = Cluster::start(18, &Options { auth: Auth::Scram, ..Options::default() });
    let second = Cluster::shared(18);
    let list = format!("host=127.0.0.1,127.0.0.1 port={},{} user=postgres password=wrong", first.port(), second.port());
    let text = told(&refused(&options(&list)).await);
    assert!(text.contains("password authentication failed"), "{text}");
}

#[tokio::test]
async fn session_attributes() {
    let writable = Cluster::shared(18);
    let read_only = Cluster::start(18, &Options::default());
    read_only.execute("ALTER SYSTEM SET default_transaction_read_only = on");
    read_only.execute("SELECT pg_reload_conf()");
    let standby = Cluster::start(17, &Options::default());
    standby.stop("INT");
    std::fs::write(standby.data_folder().unwrap().join("standby.signal"), "").unwrap();
    standby.start_again();
    let base = format!("host=127.0.0.1,127.0.0.1 port={},{} user=postgres", read_only.port(), writable.port());
    let three = format!(
        "host=127.0.0.1,127.0.0.1,127.0.0.1 port={},{},{} user=postgres",
        read_only.port(),
        standby.port(),
        writable.port()
    );
    let (first, second, third) = (Some(read_only.port()), Some(standby.port()), Some(writable.port()));
    for (base, wanted, port) in [
        (&base, "any", first),
        (&base, "read-only", first),
        (&base, "read-write", third),
        (&base, "primary", first),
        (&base, "prefer-standby", first),
        (&base, "standby", None),
        (&three, "standby", second),
        (&three, "prefer-standby", second),
        (&three, "read-write", third),
        (&three, "primary", first),
    ] {
        let options = options(&format!("{base} target_session_attrs={wanted}"));
        match port {
            Some(port) => {
                let (session, lane) = both(&options).await.unwrap_or_else(|error| panic!("{wanted}: {}", told(&error)));
                assert!(session.pinned().describe().contains(&port.to_string()), "{wanted}");
                assert!(lane.place().ends_with(&port.to_string()), "{wanted}");
            }
            None => {
                let text = told(&refused(&options).await);
                assert!(text.contains("not a standby") && text.contains("target_session_attrs"), "{text}");
            }
        }
    }
}
