//! Which database, as libpq's programs take it.

use clap::Args;

/// Which database, as libpq's programs take it.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Database: a name, a URI, or key=value words [env: PG*, DATABASE_URL]
    #[arg(short = 'd', long, value_name = "DB")]
    pub dbname: Option<String>,
    /// Host name, address or socket directory, several separated by commas
    #[arg(short = 'h', long, value_name = "HOST")]
    pub host: Option<String>,
    /// Port
    #[arg(short = 'p', long, value_name = "PORT")]
    pub port: Option<String>,
    /// Role to log in as
    #[arg(short = 'U', long, value_name = "NAME")]
    pub username: Option<String>,
    /// Never ask for a password
    #[arg(short = 'w', long, conflicts_with = "password")]
    pub no_password: bool,
    /// Ask for a password
    #[arg(short = 'W', long)]
    pub password: bool,
}

impl ConnectionArgs {
    /// Whether the command line names a server or a database at all.
    pub fn is_given(&self) -> bool {
        self.dbname.is_some() || self.host.is_some() || self.port.is_some()
    }
}
