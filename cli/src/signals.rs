//! Ctrl-C and SIGTERM: once stops cleanly, twice stops at once.

use std::io::Write;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code of a run that was stopped at once.
const AT_ONCE: i32 = 130;

/// Watches for signals as long as the runtime lives and cancels `stop` at the first one. Must be called inside the
/// runtime. A failure to install a handler leaves the system's default: the process dies, which is safe at any moment.
pub fn watch(stop: CancellationToken, quiet: bool) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(AT_ONCE);
            }
            if !quiet {
                let _ = writeln!(std::io::stderr(), "stopping cleanly; once more stops at once");
            }
            stop.cancel();
        }
    });
}
