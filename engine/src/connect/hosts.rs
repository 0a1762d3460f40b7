//! The hosts of a connection: parsed from libpq's parallel lists, ordered, and turned into addresses.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::error::Fault;
use super::passfile::DEFAULT_SOCKET_DIRECTORIES;

/// PostgreSQL's registered port.
pub(super) const DEFAULT_PORT: u16 = 5432;

/// One server that may be tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Host {
    /// What the user called it: certificates and password files are matched against this.
    pub name: Option<String>,
    /// How to reach it.
    pub place: Place,
    /// Port, also part of a socket's file name.
    pub port: u16,
}

/// How to reach a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// The first of the default socket directories that has a socket.
    DefaultSocket,
    /// A socket directory, or `@name` in Linux's abstract namespace.
    Socket(String),
    /// An address: no lookup.
    Address(IpAddr),
    /// A name to look up.
    Name(String),
}

/// One thing to connect a socket to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket's path, or `@name`.
    Unix(PathBuf),
}

/// Why host, address and port lists do not fit.
#[derive(thiserror::Error, Debug, PartialEq, Eq)]
pub enum HostError {
    /// Lists of different lengths.
    #[error("{0} host names and {1} host addresses were given; the lists must match")]
    Addresses(usize, usize),
    /// Neither one port nor one per host.
    #[error("{0} ports were given for {1} hosts; give one port, or one for each host")]
    Ports(usize, usize),
    /// Not a port.
    #[error("invalid port number \"{0}\"")]
    Port(String),
    /// Not an address.
    #[error("\"{0}\" is not an internet address (hostaddr takes no names)")]
    Address(String),
}

/// Combines libpq's `host`, `hostaddr` and `port` lists.
pub(super) fn combine(host: &str, hostaddr: &str, port: &str) -> Result<Vec<Host>, HostError> {
    let names = list(host);
    let addresses = list(hostaddr);
    let ports = list(port);
    let count = names.len().max(addresses.len()).max(1);
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(HostError::Addresses(names.len(), addresses.len()));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(HostError::Ports(ports.len(), count));
    }
    (0..count)
        .map(|i| {
            let name = names.get(i).copied().filter(|name| !name.is_empty());
            let address = addresses.get(i).copied().filter(|address| !address.is_empty());
            let port = ports.get(i).or_else(|| ports.first().filter(|_| ports.len() == 1)).copied().unwrap_or("");
            Ok(Host { name: name.or(address).map(str::to_owned), place: place(name, address)?, port: number(port)? })
        })
        .collect()
}

fn list(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(str::trim).collect() }
}

fn number(text: &str) -> Result<u16, HostError> {
    match text {
        "" => Ok(DEFAULT_PORT),
        text => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| HostError::Port(text.to_owned())),
    }
}

fn place(name: Option<&str>, address: Option<&str>) -> Result<Place, HostError> {
    if let Some(address) = address {
        return address.parse().map(Place::Address).map_err(|_| HostError::Address(address.to_owned()));
    }
    Ok(match name {
        None => Place::DefaultSocket,
        Some(name) if name.starts_with('/') || name.starts_with('@') => Place::Socket(name.to_owned()),
        Some(name) => match name.parse() {
            Ok(address) => Place::Address(address),
            Err(_) => Place::Name(name.to_owned()),
        },
    })
}

impl Host {
    /// Whether this is a Unix socket: no TLS, no name to verify.
    pub(super) fn is_socket(&self) -> bool {
        matches!(self.place, Place::DefaultSocket | Place::Socket(_))
    }

    /// The addresses to try, in order.
    pub(super) async fn addresses(&self) -> Result<Vec<Address>, Fault> {
        match &self.place {
            Place::Address(address) => Ok(vec![Address::Tcp(SocketAddr::new(*address, self.port))]),
            Place::Socket(folder) => Ok(vec![Address::Unix(socket_file(folder, self.port))]),
            Place::DefaultSocket => {
                let file = DEFAULT_SOCKET_DIRECTORIES
                    .iter()
                    .map(|folder| socket_file(folder, self.port))
                    .find(|path| path.exists())
                    .ok_or(Fault::NoSocket { port: self.port })?;
                Ok(vec![Address::Unix(file)])
            }
            Place::Name(name) => {
                let found: Vec<Address> = tokio::net::lookup_host((name.as_str(), self.port))
                    .await
                    .map_err(|error| Fault::Lookup(name.clone(), error))?
                    .map(Address::Tcp)
                    .collect();
                if found.is_empty() {
                    let none = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
                    return Err(Fault::Lookup(name.clone(), none));
                }
                Ok(found)
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("local socket");
        if name.contains(':') { write!(f, "[{name}]:{}", self.port) } else { write!(f, "{name}:{}", self.port) }
    }
}

/// The socket's file, as the server names it.
fn socket_file(folder: &str, port: u16) -> PathBuf {
    PathBuf::from(format!("{}/.s.PGSQL.{port}", folder.trim_end_matches('/')))
}

/// Puts a list into random order (`load_balance_hosts=random`).
pub(super) fn shuffle<T>(items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let mut bytes = [0; 8];
        if getrandom::fill(&mut bytes).is_err() {
            return;
        }
        // The bias of the remainder is far below anything a handful of hosts could show.
        let other = usize::try_from(u64::from_le_bytes(bytes) % (last as u64 + 1)).unwrap_or(0);
        items.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(host: &str, hostaddr: &str, port: &str) -> String {
        match combine(host, hostaddr, port) {
            Ok(hosts) => hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn lists() {
        assert_eq!(shown("", "", ""), "local socket:5432");
        assert_eq!(shown("a,b", "", "1,2"), "a:1 b:2");
        assert_eq!(shown("a,b", "", "7"), "a:7 b:7");
        assert_eq!(shown("a,b", "", ",2"), "a:5432 b:2");
        assert_eq!(shown(",b", "", ""), "local socket:5432 b:5432");
        assert_eq!(shown("", "::1,10.0.0.1", ""), "[::1]:5432 10.0.0.1:5432");
        assert_eq!(shown("/run/x", "", "1"), "/run/x:1");
        assert!(shown("a,b", "1.2.3.4", "").starts_with("! 2 host names and 1"));
        assert!(shown("a,b", "", "1,2,3").starts_with("! 3 ports"));
        for bad in ["0", "65536", "x", "-1"] {
            assert_eq!(shown("a", "", bad), format!("! invalid port number \"{bad}\""));
        }
        assert!(shown("a", "b", "").contains("takes no names"));
    }

    #[test]
    fn places() {
        let of = |host: &str, addr: &str| combine(host, addr, "").unwrap().remove(0).place;
        assert_eq!(of("h", ""), Place::Name("h".into()));
        assert_eq!(of("h", "1.2.3.4"), Place::Address([1, 2, 3, 4].into()));
        assert_eq!(of("::1", ""), Place::Address("::1".parse().unwrap()));
        assert_eq!(of("/x", ""), Place::Socket("/x".into()));
        assert_eq!(of("@x", ""), Place::Socket("@x".into()));
        assert_eq!(socket_file("/x/", 1), PathBuf::from("/x/.s.PGSQL.1"));
    }

    #[test]
    fn shuffling_keeps_all() {
        let mut items: Vec<u32> = (0..50).collect();
        shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
