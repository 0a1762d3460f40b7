//! Startup and authentication (manual: "Start-up", "SASL Authentication").
//!
//! A password is sent only in answer to a method that `require_auth` and `channel_binding` allow, and a login only
//! counts when the exchange that was begun was also finished: with SCRAM the server proves itself, too.

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::frontend;
use secrecy::{ExposeSecret, SecretString};

use super::error::Fault;
use super::hosts::Host;
use super::options::{ConnectOptions, Method, Wish};
use super::stream::Stream;
use super::wire::{Wire, server_fault};

/// What one login knows.
pub(super) struct Login<'a> {
    pub options: &'a ConnectOptions,
    pub host: &'a Host,
    /// A password typed by the user.
    pub typed: Option<&'a SecretString>,
    /// Channel binding data of the server's certificate.
    pub binding: Option<Vec<u8>>,
}

/// How far the proof has come.
enum Proof {
    None,
    /// A password was sent; the server's verdict is due.
    Sent,
    Scram(Box<ScramSha256>, bool),
    /// The server proved that it knows the password; with channel binding or not.
    Mutual(bool),
}

impl Login<'_> {
    /// Sends the startup packet and answers until the server is ready.
    pub(super) async fn run(self, stream: Stream) -> Result<Wire, Fault> {
        if self.options.channel_binding == Wish::Require && !stream.is_tls() {
            return Err(Fault::Binding("the connection is not encrypted"));
        }
        let mut wire = Wire::new(stream);
        self.startup(&mut wire).await?;
        let mut proof = Proof::None;
        loop {
            let message = wire.message().await?;
            match message.tag {
                b'R' => {
                    let (code, data) = auth_code(&message.body)?;
                    if code == 0 {
                        self.accept(&proof)?;
                        break;
                    }
                    proof = self.answer(&mut wire, proof, code, data).await?;
                }
                b'E' => return Err(server_fault(&message.body)),
                // The server's highest minor version; 3.0 is what was asked for.
                b'v' => {}
                _ => return Err(Fault::Protocol("no request to log in")),
            }
        }
        wire.logged_in();
        ready(&mut wire).await?;
        Ok(wire)
    }

    async fn startup(&self, wire: &mut Wire) -> Result<(), Fault> {
        let options = self.options;
        let mut parameters = vec![
            ("user", options.user.as_str()),
            ("database", options.database.as_str()),
            ("application_name", options.application_name.as_str()),
        ];
        parameters.extend(options.startup.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        frontend::startup_message(parameters, &mut wire.output)
            .map_err(|_| Fault::Protocol("a connection parameter with a zero byte"))?;
        wire.flush().await
    }

    fn password(&self) -> Result<&SecretString, Fault> {
        let known = &self.options.passwords;
        let in_file = || {
            let options = self.options;
            known.file.find(self.host.name.as_deref(), self.host.port, &options.database, &options.user)
        };
        known.explicit.as_ref().or(self.typed).or_else(in_file).ok_or(Fault::PasswordNeeded)
    }

    /// Refuses what the user excluded, before anything is revealed.
    fn allow(&self, method: Method, asked: &'static str) -> Result<(), Fault> {
        if self.options.channel_binding == Wish::Require && method != Method::Scram {
            return Err(Fault::Binding("the server asks for a login without it"));
        }
        match &self.options.require_auth {
            Some(required) if !required.allows(method) => {
                Err(Fault::RequireAuth { asked, wanted: required.text.clone() })
            }
            _ => Ok(()),
        }
    }

    async fn answer(&self, wire: &mut Wire, proof: Proof, code: u32, data: &[u8]) -> Result<Proof, Fault> {
        match (code, proof) {
            (3, Proof::None) => {
                self.allow(Method::Password, "a plain password")?;
                self.send_password(wire, self.password()?.expose_secret().as_bytes()).await
            }
            (5, Proof::None) => {
                self.allow(Method::Md5, "an MD5-hashed password")?;
                let salt = data.try_into().map_err(|_| Fault::Protocol("a salt of a wrong length"))?;
                let password = self.password()?.expose_secret().as_bytes();
                let hash = md5_hash(self.options.user.as_bytes(), password, salt);
                self.send_password(wire, hash.as_bytes()).await
            }
            (10, Proof::None) => self.scram_begin(wire, data).await,
            (11, Proof::Scram(mut scram, bound)) => {
                scram.update(data).map_err(Fault::Scram)?;
                frontend::sasl_response(scram.message(), &mut wire.output).map_err(Fault::Scram)?;
                wire.flush().await?;
                Ok(Proof::Scram(scram, bound))
            }
            (12, Proof::Scram(mut scram, bound)) => {
                scram.finish(data).map_err(Fault::Scram)?;
                Ok(Proof::Mutual(bound))
            }
            (2, _) => Err(Fault::Method("Kerberos")),
            (7 | 8, _) => Err(Fault::Method("GSSAPI")),
            (9, _) => Err(Fault::Method("SSPI")),
            _ => Err(Fault::Protocol("a login step out of order")),
        }
    }

    async fn send_password(&self, wire: &mut Wire, password: &[u8]) -> Result<Proof, Fault> {
        frontend::password_message(password, &mut wire.output)
            .map_err(|_| Fault::Protocol("a password with a zero byte"))?;
        wire.flush().await?;
        Ok(Proof::Sent)
    }

    async fn scram_begin(&self, wire: &mut Wire, offered: &[u8]) -> Result<Proof, Fault> {
        let offers = |name: &str| offered.split(|byte| *byte == 0).any(|item| item == name.as_bytes());
        let (plain, plus) = (offers(SCRAM_SHA_256), offers(SCRAM_SHA_256_PLUS));
        if !plain && !plus {
            let what = if offers("OAUTHBEARER") { "OAuth" } else { "an unknown SASL mechanism" };
            return Err(Fault::Method(what));
        }
        self.allow(Method::Scram, "SCRAM-SHA-256")?;
        let wish = self.options.channel_binding;
        if plus && !wire.stream.is_tls() {
            return Err(Fault::Protocol("channel binding offered without encryption"));
        }
        let (mechanism, binding, bound) = match &self.binding {
            Some(data) if plus && wish != Wish::Disable => {
                (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(data.clone()), true)
            }
            _ if wish == Wish::Require => return Err(Fault::Binding("the server does not offer it")),
            // "I could, you do not offer it": the server notices if somebody removed its offer.
            Some(_) if !plus && wish == Wish::Prefer => (SCRAM_SHA_256, ChannelBinding::unrequested(), false),
            _ => (SCRAM_SHA_256, ChannelBinding::unsupported(), false),
        };
        let scram = ScramSha256::new(self.password()?.expose_secret().as_bytes(), binding);
        frontend::sasl_initial_response(mechanism, scram.message(), &mut wire.output).map_err(Fault::Scram)?;
        wire.flush().await?;
        Ok(Proof::Scram(Box::new(scram), bound))
    }

    /// Whether the server's "ok" is believed.
    fn accept(&self, proof: &Proof) -> Result<(), Fault> {
        match proof {
            Proof::Scram(..) => Err(Fault::Protocol("a login the server did not finish")),
            Proof::Mutual(true) | Proof::Sent => Ok(()),
            Proof::Mutual(false) if self.options.channel_binding == Wish::Require => {
                Err(Fault::Binding("the login went without it"))
            }
            Proof::Mutual(false) => Ok(()),
            Proof::None => self.allow(Method::None, "no proof at all"),
        }
    }
}

fn auth_code(body: &[u8]) -> Result<(u32, &[u8]), Fault> {
    let (code, data) = body.split_at_checked(4).ok_or(Fault::Protocol("a login request without a method"))?;
    Ok((u32::from_be_bytes([code[0], code[1], code[2], code[3]]), data))
}

/// Reads what follows the login: parameters, the cancel key, ReadyForQuery.
async fn ready(wire: &mut Wire) -> Result<(), Fault> {
    loop {
        let message = wire.message().await?;
        match message.tag {
            b'K' => {
                if let Ok(key) = <[u8; 8]>::try_from(message.body.as_slice()) {
                    wire.process_id = i32::from_be_bytes([key[0], key[1], key[2], key[3]]);
                    wire.secret_key = i32::from_be_bytes([key[4], key[5], key[6], key[7]]);
                }
            }
            b'Z' => return Ok(()),
            b'E' => return Err(server_fault(&message.body)),
            _ => return Err(Fault::Protocol("not what follows a login")),
        }
    }
}
