//! Keys made by other programs, bundles opened by them: `age`, `age-keygen`, `ssh-keygen`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use pgfreight_engine::Kind;
use pgfreight_engine::ids::{RepositoryId, WriterId};
use pgfreight_engine::keys::{
    Identities, Label, Prompt, ReaderBundle, Recipients, RepositoryIdentity, Wrap, nobody_to_ask,
};
use pgfreight_engine::store::{BundleName, Store};
use pgfreight_fixtures::tools;

use crate::store_contract::bench;

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn bundle() -> ReaderBundle {
    ReaderBundle {
        repository: RepositoryId::new([1; 16]),
        writers: vec![WriterId([2; 32])],
        identity: RepositoryIdentity::generate(),
    }
}

/// An SSH key pair: the files `key` and `key.pub`.
fn ssh_key(folder: &Path, kind: &[&str], passphrase: &str) -> (Vec<u8>, String) {
    let file = folder.join("key");
    run(tools::ssh_keygen().args(["-q", "-C", "someone@example", "-N", passphrase, "-f"]).arg(&file).args(kind));
    let public = std::fs::read_to_string(folder.join("key.pub")).unwrap();
    (std::fs::read(&file).unwrap(), public)
}

#[test]
fn the_age_program_opens_a_bundle_and_uses_it_as_identity() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("alice.key");
    run(tools::age_keygen().arg("-o").arg(&key));
    let public = String::from_utf8(run(tools::age_keygen().arg("-y").arg(&key))).unwrap();
    let mut recipients = Recipients::new();
    recipients.add_file("alice.pub", &public).unwrap();
    let bundle = bundle();
    let sealed = folder.path().join("alice.age");
    std::fs::write(&sealed, Wrap::Recipients(recipients).seal(&bundle.encode()).unwrap()).unwrap();

    let opened = run(tools::age().arg("-d").arg("-i").arg(&key).arg(&sealed));
    assert_eq!(opened, *bundle.encode());
    let identity = folder.path().join("repository.key");
    std::fs::write(&identity, &opened).unwrap();
    // What is sealed to the repository opens with the bundle as it is.
    let chunk = folder.path().join("chunk.age");
    let mut seal = tools::age();
    seal.args(["-r", &bundle.identity.recipient(), "-o"]).arg(&chunk).stdin(Stdio::piped());
    let mut child = seal.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"rows").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(run(tools::age().arg("-d").arg("-i").arg(&identity).arg(&chunk)), b"rows");
    // And so does ours.
    let mut identities = Identities::new();
    identities.add_file("repository.key", &opened, &nobody_to_ask()).unwrap();
    assert_eq!(identities.opened_bundles()[0].identity.recipient(), bundle.identity.recipient());
}

#[test]
fn identities_made_by_age_keygen_open_bundles() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    run(tools::age_keygen().arg("-o").arg(&key));
    let mut recipients = Recipients::new();
    recipients.add(&String::from_utf8(run(tools::age_keygen().arg("-y").arg(&key))).unwrap()).unwrap();
    let sealed = Wrap::Recipients(recipients).seal(b"secret").unwrap();
    let mut identities = Identities::new();
    identities.add_file("key", &std::fs::read(&key).unwrap(), &nobody_to_ask()).unwrap();
    assert_eq!(identities.open(&sealed).unwrap().unwrap().as_slice(), b"secret");
}

#[test]
fn ssh_keys_open_bundles_with_and_without_passphrase() {
    for (kind, passphrase) in [
        (&["-t", "ed25519"][..], ""),
        (&["-t", "ed25519"], "open sesame"),
        (&["-t", "rsa", "-b", "2048"], ""),
        (&["-t", "rsa", "-b", "2048"], "open sesame"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = ssh_key(folder.path(), kind, passphrase);
        let mut recipients = Recipients::new();
        recipients.add(&public).unwrap();
        let sealed = Wrap::Recipients(recipients).seal(b"secret").unwrap();
        // The age program opens it too (it asks for passphrases on a terminal, so only without).
        if passphrase.is_empty() {
            std::fs::write(folder.path().join("sealed"), &sealed).unwrap();
            let (key, file) = (folder.path().join("key"), folder.path().join("sealed"));
            assert_eq!(run(tools::age().arg("-d").arg("-i").arg(key).arg(file)), b"secret");
        }
        let open = |prompt: &Prompt| {
            let mut identities = Identities::new();
            identities.add_file("key", &private, prompt).unwrap();
            identities.open(&sealed).map(|plain| plain.unwrap().to_vec())
        };
        let right: Prompt = Arc::new(|_| Some("open sesame".to_owned().into()));
        assert_eq!(open(&right).unwrap(), b"secret", "{kind:?}");
        if !passphrase.is_empty() {
            let wrong: Prompt = Arc::new(|_| Some("open barley".to_owned().into()));
            for prompt in [wrong, nobody_to_ask()] {
                assert_eq!(open(&prompt).unwrap_err().kind(), Kind::Identity, "{kind:?}");
            }
        }
    }
}

#[test]
fn ssh_keys_that_cannot_decrypt_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = ssh_key(folder.path(), &["-t", "ecdsa"], "");
    let error = Recipients::new().add(&public).unwrap_err();
    assert!(error.what().contains("ecdsa-sha2-nistp256"), "{error}");
    assert_eq!(Identities::new().add_file("key", &private, &nobody_to_ask()).unwrap_err().kind(), Kind::Identity);
}

#[tokio::test]
async fn people_come_and_go_without_touching_data() {
    let bench = bench(&Store::memory()).await;
    let repository = &bench.repository;
    let bundle = ReaderBundle {
        repository: repository.descriptor().repository.clone(),
        writers: vec![bench.writer.id()],
        identity: bench.identity.clone(),
    };
    let (alice, bob) = (Label::parse("alice").unwrap(), Label::parse("bob").unwrap());
    let phrase = |text: &str| Wrap::Passphrase { passphrase: text.to_owned().into(), work: 2 };
    let who = |text: &str| {
        let mut identities = Identities::new();
        identities.add_passphrase(text.to_owned().into());
        identities
    };
    assert_eq!(repository.open_bundle(&who("a")).await.unwrap_err().kind(), Kind::Identity);
    repository.put_bundle(&alice, &bundle, &phrase("a"), false).await.unwrap();
    repository.put_writer_bundle(&alice, &bench.writer, &phrase("a"), false).await.unwrap();
    assert_eq!(repository.put_bundle(&alice, &bundle, &phrase("x"), false).await.unwrap_err().kind(), Kind::Usage);
    // Alice opens hers and wraps it for Bob.
    let (label, opened) = repository.open_bundle(&who("a")).await.unwrap();
    assert_eq!(label, Some(alice.clone()));
    repository.put_bundle(&bob, &opened, &phrase("b"), false).await.unwrap();
    let names = repository.list_bundles().await.unwrap();
    let expected =
        [BundleName::Reader(alice.clone()), BundleName::Reader(bob.clone()), BundleName::Writer(alice.clone())];
    assert_eq!(names, expected);
    assert_eq!(repository.test_bundle(&bob, &who("b")).await.unwrap().writers, [bench.writer.id()]);
    assert_eq!(repository.test_bundle(&bob, &who("a")).await.unwrap_err().kind(), Kind::Identity);
    let recovered = repository.open_writer_bundle(&alice, &who("a")).await.unwrap();
    assert_eq!(recovered.id(), bench.writer.id());
    // Alice leaves; the last reader cannot.
    repository.remove_bundle(&BundleName::Reader(alice)).await.unwrap();
    let error = repository.open_bundle(&who("a")).await.unwrap_err();
    assert!(error.advice().unwrap().contains("bob"), "{error:?}");
    assert_eq!(repository.remove_bundle(&BundleName::Reader(bob)).await.unwrap_err().kind(), Kind::Usage);
}
