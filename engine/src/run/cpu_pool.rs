//! Threads for CPU work (sealing, opening), reached from async tasks through a bounded queue.
//!
//! A lane waits for room before it hands over a job, and for the result before it goes on, so the queue never holds more
//! than one job per lane and the async threads never block. Jobs are small: a batch or two ([`crate::limits::BATCH`]) of plaintext.
//!
//! Where lanes keep every core busy anyway there are no such threads: they would take turns with the lanes, and each turn brings
//! a batch into another core's cache. There each lane does its jobs itself; what it is sent meanwhile waits in the kernel's buffers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, Kind, Result};

type Job = Box<dyn FnOnce() + Send>;

/// Jobs that may wait per thread before lanes have to wait themselves.
const WAITING_PER_THREAD: usize = 4;

/// The pool; clones share it. Its threads end when the last clone is dropped.
#[derive(Clone)]
pub struct CpuPool {
    /// None where whoever has a job does it.
    threads: Option<Threads>,
}

#[derive(Clone)]
struct Threads {
    jobs: Sender<Job>,
    room: Arc<Semaphore>,
}

impl CpuPool {
    /// A pool of `threads` threads (at least one).
    pub fn new(threads: usize) -> Result<Self> {
        let threads = threads.max(1);
        let (sender, receiver) = bounded(threads * WAITING_PER_THREAD);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("seal-{number}"))
            .build()
            .map_err(|cause| {
                Error::new(Kind::Bug, "cannot start the sealing threads")
                    .because(cause)
                    .hint("The system may be out of threads or memory: lower --jobs.")
            })?;
        pool.spawn_broadcast(move |_| work(&receiver));
        let room = Arc::new(Semaphore::new(threads * WAITING_PER_THREAD));
        Ok(Self { threads: Some(Threads { jobs: sender, room }) })
    }

    /// For so many lanes, each a task of its own on this runtime, with jobs of a few milliseconds: threads, unless lanes and the
    /// runtime's own threads are enough to keep every core busy.
    pub fn for_lanes(lanes: usize) -> Result<Self> {
        match lanes.min(runtime_threads()) >= cores() {
            true => Ok(Self { threads: None }),
            false => Self::with_all_cores(),
        }
    }

    /// A pool with a thread per core.
    pub fn with_all_cores() -> Result<Self> {
        Self::new(cores())
    }

    /// Runs `job` on the pool. Dropping the future does not stop a job that has begun.
    pub async fn run<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let gone = || Error::new(Kind::Bug, "a job on the sealing pool did not end");
        let Some(Threads { jobs, room }) = &self.threads else {
            let done = catch_unwind(AssertUnwindSafe(job)).map_err(|_| gone());
            // Uploads and other lanes are not kept waiting for longer than a job takes.
            tokio::task::yield_now().await;
            return done;
        };
        let room = Arc::clone(room).acquire_owned().await.map_err(|cause| gone().because(cause))?;
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move || {
            // The permit is the job's place in the queue: it is free again once the job has begun.
            drop(room);
            // Whoever waited may be gone (cancelled): then nobody needs the result.
            let _ = done.send(job());
        });
        // Never blocks: there are as many permits as places.
        jobs.send(job).map_err(|_| gone())?;
        result.await.map_err(|cause| gone().because(cause))
    }
}

impl std::fmt::Debug for CpuPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let waiting = self.threads.as_ref().map(|threads| threads.jobs.len());
        f.debug_struct("CpuPool").field("waiting", &waiting).finish_non_exhaustive()
    }
}

/// Threads on which this runtime runs tasks; none outside of one.
fn runtime_threads() -> usize {
    Handle::try_current().map_or(0, |runtime| runtime.metrics().num_workers())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn work(jobs: &Receiver<Job>) {
    for job in jobs {
        // A panic is a bug of ours in one job: its sender is dropped, the lane reports it, the thread lives on.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// With threads, and without.
    fn both() -> [CpuPool; 2] {
        [CpuPool::new(2).unwrap(), CpuPool { threads: None }]
    }

    #[tokio::test]
    async fn jobs_run_and_results_come_back() {
        for pool in both() {
            let jobs: Vec<_> = (0..100).map(|n| pool.run(move || n * n)).collect();
            let results = futures_util::future::try_join_all(jobs).await.unwrap();
            assert_eq!(results, (0..100).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_panicking_job_is_an_error_and_the_pool_lives_on() {
        for pool in both() {
            let failed: Result<()> = pool.run(|| panic!("on purpose")).await;
            assert_eq!(failed.unwrap_err().kind(), Kind::Bug);
            assert_eq!(pool.run(|| 7).await.unwrap(), 7);
        }
    }

    #[test]
    fn who_does_the_jobs_depends_on_lanes_threads_and_cores() {
        let has_threads = |workers: usize, lanes: usize| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build().unwrap();
            let _inside = runtime.enter();
            CpuPool::for_lanes(lanes).unwrap().threads.is_some()
        };
        assert!(!has_threads(cores(), cores()));
        assert!(!has_threads(cores() + 1, cores() + 1));
        assert!(cores() == 1 || has_threads(cores(), cores() - 1), "too few lanes");
        assert!(cores() == 1 || has_threads(cores() - 1, cores()), "too few threads for them");
        assert!(CpuPool::for_lanes(cores()).unwrap().threads.is_some(), "no runtime here");
    }

    /// A lane that never waits for anything lets others have their turn.
    #[tokio::test]
    async fn jobs_done_here_take_turns_with_other_tasks() {
        let pool = CpuPool { threads: None };
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&turns);
        let other = tokio::spawn(async move {
            loop {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        for _ in 0..10 {
            pool.run(|| ()).await.unwrap();
        }
        other.abort();
        assert!(turns.load(Ordering::Relaxed) >= 9);
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let pool = CpuPool::new(1).unwrap();
        let (release, gate) = bounded::<()>(0);
        let began = Arc::new(AtomicUsize::new(0));
        let jobs: Vec<_> = (0..20)
            .map(|_| {
                let (pool, gate, began) = (pool.clone(), gate.clone(), Arc::clone(&began));
                tokio::spawn(async move {
                    pool.run(move || {
                        began.fetch_add(1, Ordering::SeqCst);
                        let _ = gate.recv();
                    })
                    .await
                })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(pool.threads.as_ref().unwrap().jobs.len() <= WAITING_PER_THREAD);
        assert!(began.load(Ordering::SeqCst) <= 1);
        drop(release);
        for job in jobs {
            job.await.unwrap().unwrap();
        }
    }
}
