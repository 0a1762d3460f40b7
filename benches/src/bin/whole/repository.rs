//! Repositories of the program under test, and who may read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pgfreight_fixtures::tools;

/// An identity and its recipient, as `age-keygen` makes them.
pub struct Keys {
    identity: PathBuf,
    recipient: String,
}

impl Keys {
    /// Makes them in a folder.
    pub fn make(folder: &Path) -> Self {
        let identity = folder.join("identity");
        let status = tools::age_keygen().arg("-o").arg(&identity).stderr(Stdio::null()).status();
        assert!(status.expect("age-keygen runs").success());
        let output = tools::age_keygen().arg("-y").arg(&identity).output().expect("age-keygen runs");
        let recipient = String::from_utf8(output.stdout).expect("a recipient").trim().to_owned();
        Self { identity, recipient }
    }

    /// `age` that encrypts its input to them.
    pub fn age(&self) -> Command {
        let mut age = tools::age();
        age.args(["-r", &self.recipient]);
        age
    }
}

/// A place that dumps are kept in.
pub struct Repository<'a> {
    program: &'a Path,
    keys: &'a Keys,
    place: PathBuf,
    environment: Vec<(String, String)>,
}

impl<'a> Repository<'a> {
    /// At a folder or URL, reached with these variables.
    pub fn new(program: &'a Path, keys: &'a Keys, place: PathBuf, environment: Vec<(String, String)>) -> Self {
        Self { program, keys, place, environment }
    }

    /// Makes it anew, encrypted: nothing of an earlier round may be reused.
    pub fn fresh(&self) {
        let _ = fs::remove_dir_all(&self.place);
        let _ = fs::remove_file(self.writer());
        let mut init = self.command("init");
        init.args(["--recipient", &self.keys.recipient, "--writer-key"]).arg(self.writer());
        assert!(init.status().expect("pgfreight runs").success());
    }

    /// A dump of a database at zstd:1.
    pub fn dump(&self, url: &str, jobs: &str) -> Command {
        let mut dump = self.command("dump");
        dump.args(["-Z", "zstd:1", "-j", jobs, "-d", url, "--writer-key"]).arg(self.writer());
        dump
    }

    /// A restore of the last dump.
    pub fn restore(&self, url: &str, jobs: &str, more: &[&str]) -> Command {
        let mut restore = self.command("restore");
        restore.args(["latest", "-j", jobs, "-d", url, "--identity"]).arg(&self.keys.identity).args(more);
        restore
    }

    fn writer(&self) -> PathBuf {
        self.keys.identity.with_file_name("writer")
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(self.program);
        command.args([verb, "--quiet", "--repo"]).arg(&self.place).envs(self.environment.iter().cloned());
        command.stdout(Stdio::null());
        command
    }
}
