//! Running the binary in surroundings of our own making.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A folder that stands for the user's home, and what a run there is given.
pub struct Home {
    folder: tempfile::TempDir,
}

/// What a run came to.
pub struct Outcome {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Outcome {
    /// Panics unless the exit code is this one.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\nstdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Standard output as JSON lines.
    pub fn events(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }

    /// The last event.
    pub fn result(&self) -> Value {
        self.events().pop().unwrap_or_else(|| panic!("no events; stderr: {}", self.err))
    }
}

impl Home {
    /// An empty home.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in it as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// A command with nothing of the surroundings but this home.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).env_clear().env("HOME", self.folder.path()).current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs it.
    pub fn run(&self, args: &[&str]) -> Outcome {
        finish(self.command(args))
    }

    /// Runs it with variables.
    pub fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
        let mut command = self.command(args);
        command.envs(variables.iter().copied());
        finish(command)
    }

    /// Makes an age identity; its file and its recipient.
    pub fn identity(&self, name: &str) -> (String, String) {
        let path = self.path(name);
        let made = pgfreight_fixtures::tools::age_keygen().arg("-o").arg(&path).output().expect("age-keygen");
        assert!(made.status.success(), "age-keygen: {}", String::from_utf8_lossy(&made.stderr));
        let text = std::fs::read_to_string(&path).expect("identity");
        let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("a public key");
        (path.display().to_string(), recipient.to_owned())
    }
}

/// The program under test: what this build made, or another build of it (`PGFREIGHT_TEST_PROGRAM`; `make soak` names the
/// release build).
fn program() -> PathBuf {
    std::env::var_os("PGFREIGHT_TEST_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_pgfreight").into(), PathBuf::from)
}

/// Runs a command to its end.
pub fn finish(mut command: Command) -> Outcome {
    let output = command.output().expect("the binary runs");
    Outcome {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A folder of this crate's tests.
pub fn tests_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
}
