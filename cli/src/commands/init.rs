//! `pgfreight init`.

use pgfreight_engine::keys::Label;
use pgfreight_engine::{Error, Kind, run};
use serde_json::json;

use super::{Failure, Session};
use crate::args::init::InitArgs;
use crate::args::merge::Layers;
use crate::args::resolve;
use crate::exit::Exit;
use crate::secrets::{self, KeyFile};

pub(super) async fn run(args: &InitArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let url = resolve::repo_url(layers, &args.repo)?;
    let store = resolve::store(layers, &args.repo)?;
    let key_path = resolve::writer_key_path(layers, args.writer_key.as_ref(), &url)?;
    let passphrase = if args.no_encryption {
        secrets::PassphraseSource::None
    } else {
        resolve::passphrase_source(layers, args.passphrase, args.passphrase_file.as_ref())?
    };
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let label = Label::parse(&args.label)?;
    let readers = secrets::wraps(&label, (&args.recipient, &args.recipients_file), &passphrase)?;
    if readers.is_empty() && !args.no_encryption {
        return Err(Error::new(Kind::Usage, "nobody could read the dumps: no recipient and no passphrase")
            .hint("Name a recipient with -r or -R (age-keygen makes one), or --passphrase; --no-encryption says it aloud.")
            .into());
    }
    let key_file = KeyFile::create(&key_path)?;
    let created = run::init(&store, &readers).await?;
    key_file.write(&created.writer)?;
    let labels: Vec<&str> = readers.iter().map(|(label, _)| label.as_str()).collect();
    let report = json!({
        "repository": created.repository, "encrypted": created.recipient.is_some(), "recipient": created.recipient,
        "writer": created.writer.id(), "writer_key": key_path, "readers": labels,
    });
    let mut text = format!("repository {} created\n", created.repository);
    match &created.recipient {
        Some(recipient) => text.push_str(&format!("sealed to  {recipient}\nreaders    {}\n", labels.join(", "))),
        None => text.push_str("NOT ENCRYPTED: whoever can read the store can read every dump\n"),
    }
    text.push_str(&format!("writer key {} (keep it on the dump host; it cannot read dumps)\n", key_path.display()));
    session.reporter.summary("init", Exit::Ok, &report, &text)?;
    Ok(Exit::Ok)
}
