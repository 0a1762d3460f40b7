//! What a program cost: wall time, its own CPU and peak memory (`wait4`), and the server's CPU meanwhile (`/proc`).

#![allow(unsafe_code, reason = "wait4 is the only call that tells one child's CPU time and peak memory")]

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Cost of one run.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Cost {
    /// Seconds from start to end.
    pub wall: f64,
    /// CPU seconds of the client programs.
    pub client_cpu: f64,
    /// CPU seconds of the server.
    pub server_cpu: f64,
    /// Largest resident set of any client program, MiB.
    pub peak_mib: f64,
    /// Bytes left behind.
    pub stored: u64,
}

/// Runs a pipeline (each command's output into the next one's input) and measures all of it.
///
/// # Panics
/// When a program cannot be started or fails: a bench of a failure is worthless.
pub fn pipeline(server: u32, commands: Vec<Command>) -> Cost {
    let run = Run::begin(server);
    let mut children: Vec<Started> = Vec::new();
    let last = commands.len() - 1;
    for (position, mut command) in commands.into_iter().enumerate() {
        if position > 0 {
            let input = children[position - 1].child.stdout.take().expect("output is piped");
            command.stdin(Stdio::from(input));
        }
        if position < last {
            command.stdout(Stdio::piped());
        }
        children.push(Started::start(&mut command));
        // The command goes here, and with it our end of the pipe: or nobody would notice that its reader is gone.
    }
    run.end(&children)
}

/// Runs commands side by side and measures all of them.
///
/// # Panics
/// As [`pipeline`].
pub fn together(server: u32, mut commands: Vec<Command>) -> Cost {
    let run = Run::begin(server);
    let children: Vec<Started> = commands.iter_mut().map(Started::start).collect();
    run.end(&children)
}

/// A program that runs.
struct Started {
    name: String,
    child: Child,
}

impl Started {
    fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, child }
    }
}

/// A measurement under way.
struct Run {
    server: u32,
    server_cpu: f64,
    clock: Instant,
}

impl Run {
    fn begin(server: u32) -> Self {
        Self { server, server_cpu: server_cpu(server), clock: Instant::now() }
    }

    /// Waits for all programs.
    fn end(self, children: &[Started]) -> Cost {
        let mut cost = Cost::default();
        for Started { name, child } in children {
            let (cpu, peak) = wait(child).unwrap_or_else(|error| panic!("{name}: {error}"));
            cost.client_cpu += cpu;
            cost.peak_mib = cost.peak_mib.max(peak);
        }
        cost.wall = self.clock.elapsed().as_secs_f64();
        cost.server_cpu = server_cpu(self.server) - self.server_cpu;
        cost
    }
}

/// Waits for a child; CPU seconds and peak memory in MiB.
fn wait(child: &Child) -> io::Result<(f64, f64)> {
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to live, writable memory of the right types.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
    if waited < 0 {
        return Err(io::Error::last_os_error());
    }
    if !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 0 {
        return Err(io::Error::other(format!("ended with status {status:#x}")));
    }
    // SAFETY: wait4 filled it in, and zeroes are valid for every field.
    let usage = unsafe { usage.assume_init() };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Ok((seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 / 1024.0))
}

/// How often [`server_cpu`] begins anew before it takes what it has.
const TRIES: usize = 100;

/// CPU seconds of a postmaster, its living children and those it has buried. A child that is buried while the living are
/// counted would be in neither sum, or in both: then it is counted again.
fn server_cpu(postmaster: u32) -> f64 {
    let mut sum = 0;
    for _ in 0..TRIES {
        let before = ticks(postmaster, true);
        sum = before + living(postmaster);
        if ticks(postmaster, true) == before {
            break;
        }
    }
    sum as f64 / 100.0
}

fn living(postmaster: u32) -> u64 {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent(*pid) == Some(postmaster)).map(|pid| ticks(pid, false)).sum()
}

/// Fields of `/proc/<pid>/stat` after the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

fn ticks(pid: u32, buried: bool) -> u64 {
    let Some(fields) = stat(pid) else { return 0 };
    let field = |number: usize| fields.get(number).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let own = field(11) + field(12);
    if buried { own + field(13) + field(14) } else { own }
}

/// Bytes of a file or of all files below a folder.
pub fn bytes(path: &std::path::Path) -> u64 {
    let Ok(facts) = std::fs::symlink_metadata(path) else { return 0 };
    if !facts.is_dir() {
        return facts.len();
    }
    std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| bytes(&entry.path())).sum()
}
