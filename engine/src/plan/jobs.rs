//! How many lanes `-j auto` means.
//!
//! What can be known before the first byte moves: this machine's cores, whether the server shares them, how many connections
//! the server has left, how much work can go on side by side, and what the memory carries. The server's own cores are told by
//! no catalog. A server elsewhere spends its own processor time while ours seals: twice our cores keep both busy and hide the
//! network's delay. A server beside us takes from the same cores; more lanes than cores only stand in line there.

use std::fmt;

/// Lanes a server elsewhere gets at least, where connections, work and memory allow: one alone cannot fill a link.
const REMOTE_LEAST: usize = 4;

/// Lanes `auto` takes at most: beyond, other people's server suffers before the run gets faster.
pub const AUTO_MOST: usize = 16;

/// What is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Cores of the machine this runs on.
    pub cores: usize,
    /// The server, if there is one.
    pub server: Option<ServerFacts>,
    /// Pieces of work that can go on side by side.
    pub pieces: usize,
    /// Lanes that the memory budget and the user allow.
    pub most: usize,
}

/// What a server says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerFacts {
    /// It runs on this machine: a socket or a loopback address leads to it.
    pub is_here: bool,
    /// Connections it would still grant to this role and database.
    pub free_connections: usize,
}

/// So many lanes, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Lanes, at least one.
    pub jobs: usize,
    /// What decided.
    pub reason: Reason,
}

/// What decided about the lanes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The server works on this machine's cores too.
    SharedCores(usize),
    /// The server is elsewhere.
    OwnCores(usize),
    /// There is no server in this work.
    NoServer(usize),
    /// Half of the connections the server has left.
    Connections(usize),
    /// There is no more to do side by side.
    Pieces(usize),
    /// The memory budget.
    Memory(usize),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SharedCores(cores) => write!(f, "the server shares this machine and its cores ({cores})"),
            Self::OwnCores(cores) => write!(f, "the server is elsewhere and this machine's cores ({cores}) are ours"),
            Self::NoServer(cores) => write!(f, "cores of this machine: {cores}"),
            Self::Connections(free) => write!(f, "connections the server has left: {free}, of which half are taken"),
            Self::Pieces(pieces) => write!(f, "pieces of work: {pieces}"),
            Self::Memory(most) => write!(f, "lanes the memory budget carries: {most}"),
        }
    }
}

/// Chooses.
pub fn choose(facts: Facts) -> Choice {
    let cores = facts.cores.max(1);
    let mut choice = match facts.server {
        Some(ServerFacts { is_here: true, .. }) => Choice { jobs: cores, reason: Reason::SharedCores(cores) },
        Some(_) => Choice { jobs: (2 * cores).max(REMOTE_LEAST), reason: Reason::OwnCores(cores) },
        None => Choice { jobs: cores, reason: Reason::NoServer(cores) },
    };
    choice.jobs = choice.jobs.min(AUTO_MOST);
    if let Some(server) = facts.server {
        choice.bound(server.free_connections / 2, Reason::Connections(server.free_connections));
    }
    choice.bound(facts.pieces, Reason::Pieces(facts.pieces));
    choice.bound(facts.most, Reason::Memory(facts.most));
    choice
}

impl Choice {
    fn bound(&mut self, most: usize, reason: Reason) {
        if most < self.jobs && self.jobs > 1 {
            *self = Self { jobs: most.max(1), reason };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(is_here: bool) -> Facts {
        let server = Some(ServerFacts { is_here, free_connections: 90 });
        Facts { cores: 4, server, pieces: 1000, most: 64 }
    }

    #[test]
    fn a_server_beside_us_gets_our_cores_and_one_elsewhere_twice_as_many() {
        assert_eq!(choose(facts(true)), Choice { jobs: 4, reason: Reason::SharedCores(4) });
        assert_eq!(choose(facts(false)), Choice { jobs: 8, reason: Reason::OwnCores(4) });
        assert_eq!(choose(Facts { cores: 1, ..facts(false) }).jobs, 4);
        assert_eq!(choose(Facts { cores: 96, ..facts(false) }).jobs, AUTO_MOST);
        assert_eq!(choose(Facts { server: None, ..facts(true) }), Choice { jobs: 4, reason: Reason::NoServer(4) });
    }

    #[test]
    fn connections_work_and_memory_bound_it() {
        let few = Some(ServerFacts { is_here: false, free_connections: 5 });
        assert_eq!(choose(Facts { server: few, ..facts(true) }), Choice { jobs: 2, reason: Reason::Connections(5) });
        assert_eq!(choose(Facts { pieces: 3, ..facts(true) }), Choice { jobs: 3, reason: Reason::Pieces(3) });
        assert_eq!(choose(Facts { most: 2, ..facts(false) }), Choice { jobs: 2, reason: Reason::Memory(2) });
    }

    #[test]
    fn there_is_always_one() {
        let none = Some(ServerFacts { is_here: false, free_connections: 0 });
        let choice = choose(Facts { cores: 0, server: none, pieces: 0, most: 0 });
        assert_eq!(choice.jobs, 1);
    }
}
