//! `pgfreight key`.

use pgfreight_engine::keys::Label;
use pgfreight_engine::{Error, Kind, run};
use serde_json::json;

use super::{Failure, Session};
use crate::args::key::{KeyAction, KeyAddArgs, KeyArgs, KeyListArgs, KeyRemoveArgs, KeyTestArgs};
use crate::args::merge::Layers;
use crate::args::resolve;
use crate::exit::Exit;
use crate::secrets::{self, PassphraseSource};

pub(super) async fn run(args: &KeyArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    match &args.action {
        KeyAction::List(args) => list(args, session, layers).await,
        KeyAction::Test(args) => test(args, session, layers).await,
        KeyAction::Add(args) => add(args, session, layers).await,
        KeyAction::Remove(args) => remove(args, session, layers).await,
    }
}

async fn list(args: &KeyListArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let store = resolve::store(layers, &args.repo)?;
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let list = run::key_list(&store).await?;
    let mut text = format!("repository {}\n", list.repository);
    match &list.recipient {
        Some(recipient) => text.push_str(&format!("sealed to  {recipient}\n")),
        None => text.push_str("NOT ENCRYPTED: there are no keys\n"),
    }
    for (what, labels) in [("reader", &list.readers), ("writer", &list.writers)] {
        for label in labels {
            text.push_str(&format!("{what}     {label}\n"));
        }
    }
    session.reporter.answer("key list", Exit::Ok, &list, &text)?;
    Ok(Exit::Ok)
}

async fn test(args: &KeyTestArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let store = resolve::store(layers, &args.repo)?;
    let sources = resolve::identity_sources(layers, &args.identity)?;
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let identities = secrets::identities(&sources.files, &sources.passphrase)?;
    if identities.is_empty() {
        return Err(no_identity().into());
    }
    let test = run::key_test(&store, &identities).await?;
    let mut text = String::new();
    for (what, labels) in [("opens", &test.opens), ("does not open", &test.refused)] {
        for label in labels {
            text.push_str(&format!("{what} {label}\n"));
        }
    }
    if test.opens.is_empty() {
        text.push_str("the identity is an opened bundle of this repository\n");
    }
    session.reporter.answer("key test", Exit::Ok, &test, &text)?;
    Ok(Exit::Ok)
}

async fn add(args: &KeyAddArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let store = resolve::store(layers, &args.repo)?;
    let sources = resolve::identity_sources(layers, &args.identity)?;
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let new = match &args.new_passphrase_file {
        Some(path) => PassphraseSource::File(path.clone()),
        None if args.new_passphrase => PassphraseSource::Prompt,
        None => PassphraseSource::None,
    };
    let identities = secrets::identities(&sources.files, &sources.passphrase)?;
    if identities.is_empty() {
        return Err(no_identity().into());
    }
    let wraps = secrets::wraps(&Label::parse(&args.label)?, (&args.recipient, &args.recipients_file), &new)?;
    if wraps.is_empty() {
        return Err(Error::new(Kind::Usage, "nobody was named to wrap the key for")
            .hint("Name a recipient with -r or -R, or --new-passphrase.")
            .into());
    }
    let mut added = Vec::new();
    for (label, wrap) in &wraps {
        run::key_add(&store, &identities, label, wrap).await?;
        added.push(label.as_str());
    }
    let text = format!("added {}\n", added.join(", "));
    session.reporter.summary("key add", Exit::Ok, &json!({ "added": added }), &text)?;
    Ok(Exit::Ok)
}

async fn remove(args: &KeyRemoveArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let store = resolve::store(layers, &args.repo)?;
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    run::key_remove(&store, &Label::parse(&args.label)?).await?;
    let text = format!("removed {}; whoever opened it before may have kept the identity\n", args.label);
    session.reporter.summary("key remove", Exit::Ok, &json!({ "removed": args.label }), &text)?;
    Ok(Exit::Ok)
}

fn no_identity() -> Error {
    Error::new(Kind::Identity, "no identity was given")
        .hint("Name an identity file with --identity, or a passphrase with --passphrase.")
}
