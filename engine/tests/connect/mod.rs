//! Connecting: every way in, every way it is refused, and what happens to those inside.

mod copy;
mod hosts;
mod login;
mod tls;

use std::path::Path;

use pgfreight_engine::connect::{
    ConnectArgs, ConnectOptions, Environment, Lane, Role, Session, lane, resolve, session,
};
use pgfreight_engine::{Error, Result};

fn world(vars: &[(&str, &str)], home: Option<&Path>) -> Environment {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Environment { vars, home: home.map(Path::to_owned), user: Some("postgres".into()) }
}

fn options(dbname: &str) -> ConnectOptions {
    with_vars(dbname, &[])
}

fn with_vars(dbname: &str, vars: &[(&str, &str)]) -> ConnectOptions {
    let args = ConnectArgs { dbname: Some(dbname.to_owned()), ..ConnectArgs::default() };
    resolve(&args, &world(vars, None)).unwrap()
}

/// Connects in both ways, which must agree, and gives both.
async fn both(options: &ConnectOptions) -> Result<(Session, Lane)> {
    let session = session(options, Role::Source).await;
    let lane = lane(options, Role::Source).await;
    match (session, lane) {
        (Ok(session), Ok(lane)) => Ok((session, lane)),
        (Err(first), Err(second)) => {
            assert_eq!(first.what(), second.what());
            assert_eq!(first.is_passing(), second.is_passing());
            Err(second)
        }
        (Err(error), Ok(_)) => panic!("only the session failed: {}", told(&error)),
        (Ok(_), Err(error)) => panic!("only the lane failed: {}", told(&error)),
    }
}

/// An error with its causes and its hint.
fn told(error: &Error) -> String {
    let mut text = error.what().to_owned();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(&format!(" <- {cause}"));
        next = cause.source();
    }
    if let Some(hint) = error.advice() {
        text.push_str(&format!(" ({hint})"));
    }
    text
}

async fn refused(options: &ConnectOptions) -> Error {
    match both(options).await {
        Ok(_) => panic!("{options:?} was let in"),
        Err(error) => error,
    }
}

/// Whether the connection is encrypted, by both ways.
async fn encrypted(options: &ConnectOptions) -> bool {
    const SQL: &str = "SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()";
    let (session, mut lane) = both(options).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let by_session: bool = session.query_one(SQL, &[]).await.unwrap().get(0);
    let by_lane = lane.execute(SQL).await.unwrap()[0][0].as_deref() == Some("t");
    assert_eq!(by_session, by_lane);
    session.close().await;
    lane.close().await;
    by_lane
}
