//! A raw protocol lane: simple queries and COPY.

use super::attempt::{self, Opened};
use super::error::Fault;
use super::explain::running;
use super::hosts::Host;
use super::wire::{Rows, Wire, server_fault};
use super::{CancelToken, ConnectOptions, CopyIn, CopyOut, Role};
use crate::error::{Error, Result};
use crate::ids::ServerVersion;

/// One connection for COPY. Its futures are not cancel-safe: a lane whose future was dropped midway refuses further
/// use, and so does one whose [`CopyOut`] was dropped before its end.
pub struct Lane {
    pub(super) wire: Wire,
    pub(super) state: State,
    version: ServerVersion,
    role: Role,
    host: Host,
    cancel: CancelToken,
}

/// Where the conversation stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Between statements.
    Idle,
    /// Inside one; found at the start of another it means that somebody left early.
    Busy,
    /// A copy to the server was left between messages: it can still be failed in order.
    CopyLeft,
}

/// Opens a lane.
pub async fn lane(options: &ConnectOptions, role: Role) -> Result<Lane> {
    let Opened { wire, host, address, version } = attempt::open(options, role).await?;
    let cancel = CancelToken::new(&wire, &host, address, options, role);
    Ok(Lane { wire, state: State::Idle, version, role, host, cancel })
}

/// Which way a copy goes: the tag of the server's answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Out = b'H' as isize,
    In = b'G' as isize,
}

impl Lane {
    /// Version of the server.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// Which side it serves.
    pub fn role(&self) -> Role {
        self.role
    }

    /// A parameter the server reported, e.g. `server_encoding`; kept up to date.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.wire.parameters.get(name).map(String::as_str)
    }

    /// Process id of the server's backend.
    pub fn backend_pid(&self) -> i32 {
        self.wire.process_id
    }

    /// Whether the server runs on this machine, as far as the way to it tells: a Unix socket or a loopback address (which may
    /// also be the near end of a tunnel).
    pub fn is_local(&self) -> bool {
        self.wire.stream.is_local()
    }

    /// The cores that a server on this machine shares with us; none of one elsewhere, whose cores nobody tells.
    pub fn shared_cores(&self) -> Option<usize> {
        self.is_local().then(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// `host:port`, for people.
    pub fn place(&self) -> String {
        self.host.to_string()
    }

    /// Whether the connection can serve another statement.
    pub fn is_usable(&self) -> bool {
        self.state != State::Busy
    }

    /// Whether a transaction is open (possibly a failed one).
    pub fn in_transaction(&self) -> bool {
        self.wire.status != b'I'
    }

    /// Cancels what this lane is running.
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Runs one or several statements by the simple protocol and returns, as text, the rows of the last one that
    /// returned rows.
    pub async fn execute(&mut self, sql: &str) -> Result<Rows> {
        self.begin().await.map_err(|fault| self.error(fault))?;
        let done = self.wire.simple(sql).await;
        self.end(done)
    }

    /// Asks several questions, statements that return rows, in one round trip and one transaction; gives the rows of each.
    ///
    /// # Errors
    /// Of the first that fails: then none is answered.
    pub async fn ask(&mut self, questions: &[String]) -> Result<Vec<Rows>> {
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        self.begin().await.map_err(|fault| self.error(fault))?;
        let done = self.wire.simple_all(&questions.join("; ")).await;
        let answers = self.end(done)?;
        match answers.len() == questions.len() {
            true => Ok(answers),
            false => Err(self.error(Fault::Protocol("not as many answers as questions"))),
        }
    }

    /// Starts `COPY … TO STDOUT`; statements before it in the same text are run first.
    pub async fn copy_out(&mut self, sql: &str) -> Result<CopyOut<'_>> {
        self.begin_copy_out(sql).await?;
        Ok(self.begun_copy_out())
    }

    /// The same, for who must look at the outcome before reading: [`Self::begun_copy_out`] is to follow.
    pub async fn begin_copy_out(&mut self, sql: &str) -> Result<()> {
        self.start(sql, Direction::Out).await
    }

    /// The copy that was begun. Where none was, reading it fails.
    pub fn begun_copy_out(&mut self) -> CopyOut<'_> {
        CopyOut::new(self)
    }

    /// Starts a text with any number of `COPY … TO STDOUT` in it; [`Self::next_copy_out`] is to be called until there is none
    /// left.
    pub async fn begin_copies_out(&mut self, sql: &str) -> Result<()> {
        self.begin().await.map_err(|fault| self.error(fault))?;
        self.wire.query(sql).await.map_err(|fault| self.error(fault))
    }

    /// The next copy of the text; `None` at its end. The one before must have been read to its end.
    pub async fn next_copy_out(&mut self) -> Result<Option<CopyOut<'_>>> {
        match self.until_copy_out().await {
            Ok(true) => Ok(Some(CopyOut::one_of_many(self))),
            Ok(false) => {
                self.state = State::Idle;
                Ok(None)
            }
            Err(fault) => Err(self.settle(fault)),
        }
    }

    async fn until_copy_out(&mut self) -> Result<bool, Fault> {
        if self.state != State::Busy {
            return Err(Fault::NoCopy);
        }
        loop {
            let message = self.wire.message().await?;
            match message.tag {
                b'H' => return Ok(true),
                b'Z' => return Ok(false),
                b'G' => self.wire.fail_copy("the other direction was asked for").await?,
                b'E' => {
                    let fault = server_fault(&message.body);
                    let _ = self.wire.until_ready().await;
                    return Err(fault);
                }
                // Payload means that the copy before was left in the middle.
                b'd' => return Err(Fault::Protocol("payload between two copies")),
                _ => {}
            }
        }
    }

    /// Starts `COPY … FROM STDIN`; statements before it in the same text are run first.
    pub async fn copy_in(&mut self, sql: &str) -> Result<CopyIn<'_>> {
        self.start(sql, Direction::In).await?;
        Ok(CopyIn::new(self))
    }

    /// Ends the connection in order.
    pub async fn close(mut self) {
        if self.begin().await.is_ok() {
            postgres_protocol::message::frontend::terminate(&mut self.wire.output);
            let _ = self.wire.flush().await;
        }
    }

    /// Words a fault of this lane.
    pub(super) fn error(&self, fault: Fault) -> Error {
        running(self.role, fault)
    }

    /// Makes sure that the conversation is between statements, and enters one.
    pub(super) async fn begin(&mut self) -> Result<(), Fault> {
        match self.state {
            State::Idle => {}
            State::Busy => return Err(Fault::Unusable),
            State::CopyLeft => {
                self.state = State::Busy;
                self.wire.fail_copy("the copy was left unfinished").await?;
                match self.wire.until_ready().await {
                    Ok(()) | Err(Fault::Server(_)) => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
        self.state = State::Busy;
        Ok(())
    }

    /// Leaves a statement: only an error the server reported leaves the conversation intact, and only if it is not
    /// the connection's last word.
    pub(super) fn end<T>(&mut self, done: Result<T, Fault>) -> Result<T> {
        match done {
            Ok(done) => {
                self.state = State::Idle;
                Ok(done)
            }
            Err(fault) => Err(self.settle(fault)),
        }
    }

    /// Words a fault; the lane stays usable after an error the server survived.
    pub(super) fn settle(&mut self, fault: Fault) -> Error {
        if fault.server().is_some_and(|error| error.severity == "ERROR") {
            self.state = State::Idle;
        }
        self.error(fault)
    }

    async fn start(&mut self, sql: &str, direction: Direction) -> Result<()> {
        self.begin().await.map_err(|fault| self.error(fault))?;
        match self.started(sql, direction).await {
            Ok(()) => Ok(()),
            Err(Fault::NoCopy) => {
                self.state = State::Idle;
                Err(self.error(Fault::NoCopy))
            }
            Err(fault) => Err(self.settle(fault)),
        }
    }

    async fn started(&mut self, sql: &str, direction: Direction) -> Result<(), Fault> {
        self.wire.query(sql).await?;
        loop {
            let message = self.wire.message().await?;
            match message.tag {
                tag if isize::from(tag) == direction as isize => return Ok(()),
                b'Z' => return Err(Fault::NoCopy),
                b'G' => self.wire.fail_copy("the other direction was asked for").await?,
                b'E' => {
                    let fault = server_fault(&message.body);
                    let _ = self.wire.until_ready().await;
                    return Err(fault);
                }
                // Results of earlier statements, and the payload of a copy in the other direction.
                _ => {}
            }
        }
    }
}
