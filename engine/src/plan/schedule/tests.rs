//! Order, locks, weights, steps and what is taken together.

use std::collections::VecDeque;

use super::*;
use crate::catalog::Class;
use crate::ids::Oid;

fn relation(oid: u32) -> ObjectId {
    ObjectId { class: Class::Relation, oid: Oid(oid) }
}

fn load(chunks: &[u64]) -> LoadTask {
    LoadTask { chunks: chunks.iter().map(|bytes| Some(*bytes)).collect(), after: vec![] }
}

fn entry(id: u32, loads: &[usize], weight: u64) -> EntryTask {
    EntryTask { id, loads: loads.to_vec(), weight, ..EntryTask::default() }
}

/// Runs everything with so many lanes, each task taking the same time.
fn run(schedule: &mut Schedule, lanes: usize) -> Vec<Task> {
    let (mut order, mut running) = (Vec::new(), VecDeque::new());
    loop {
        match schedule.take_next() {
            Next::Run(task) => {
                order.push(task);
                running.push_back(task);
                if running.len() == lanes {
                    schedule.ended(running.pop_front().unwrap());
                }
            }
            Next::Wait => schedule.ended(running.pop_front().expect("waits for something")),
            Next::Done => return order,
        }
    }
}

fn chunk(load: usize, chunk: usize) -> Task {
    Task::Chunk { load, chunk }
}

#[test]
fn largest_table_first_and_its_index_before_other_loads() {
    let loads = [load(&[5]), load(&[10, 10]), load(&[1])];
    let entries = [entry(7, &[1], 20), entry(8, &[0], 5), entry(9, &[1], 20)];
    let mut schedule = Schedule::new(&loads, &entries);
    let order = run(&mut schedule, 1);
    let expected = [
        chunk(1, 0),
        chunk(1, 1),
        Task::Entry { id: 7 },
        Task::Entry { id: 9 },
        chunk(0, 0),
        Task::Entry { id: 8 },
        chunk(2, 0),
    ];
    assert_eq!(order, expected);
}

#[test]
fn an_index_waits_for_the_last_chunk_in_flight() {
    let mut schedule = Schedule::new(&[load(&[10, 10])], &[entry(1, &[0], 20)]);
    assert_eq!(schedule.take_next(), Next::Run(chunk(0, 0)));
    assert_eq!(schedule.take_next(), Next::Run(chunk(0, 1)));
    schedule.ended(chunk(0, 1));
    assert!(!schedule.is_loaded(0));
    assert_eq!(schedule.take_next(), Next::Wait);
    schedule.ended(chunk(0, 0));
    assert!(schedule.is_loaded(0));
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 1 }));
    assert_eq!(schedule.take_next(), Next::Wait);
    schedule.ended(Task::Entry { id: 1 });
    assert_eq!(schedule.take_next(), Next::Done);
}

#[test]
fn colliding_locks_never_run_side_by_side() {
    use LockKind::{Exclusive, Share};
    let with = |id, locks: &[(u32, LockKind)]| EntryTask {
        id,
        locks: locks.iter().map(|(oid, kind)| (relation(*oid), *kind)).collect(),
        ..EntryTask::default()
    };
    let entries = [
        with(1, &[(1, Exclusive), (2, Exclusive)]),
        with(2, &[(2, Exclusive), (3, Exclusive)]),
        with(3, &[(4, Share)]),
        with(4, &[(4, Share)]),
        with(5, &[(4, Exclusive)]),
    ];
    let mut schedule = Schedule::new(&[], &entries);
    let mut running = Vec::new();
    while let Next::Run(Task::Entry { id }) = schedule.take_next() {
        running.push(id);
    }
    assert_eq!(running, [1, 3, 4]);
    schedule.ended(Task::Entry { id: 1 });
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 2 }));
    schedule.ended(Task::Entry { id: 3 });
    assert_eq!(schedule.take_next(), Next::Wait);
    schedule.ended(Task::Entry { id: 4 });
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 5 }));
}

#[test]
fn readers_never_meet_a_statement_that_would_wait_for_them() {
    use LockKind::{Exclusive, Share};
    let with =
        |id, oid, kind, load| EntryTask { locks: vec![(relation(oid), kind)], loads: vec![load], ..entry(id, &[], 1) };
    let entries = [with(1, 1, Share, 0), with(2, 1, Exclusive, 1), with(3, 2, Exclusive, 1)];
    let mut schedule = Schedule::new(&[load(&[1]), load(&[2])], &entries);
    let (second, first) = (schedule.take_next(), schedule.take_next());
    assert_eq!((second, first), (Next::Run(chunk(1, 0)), Next::Run(chunk(0, 0))));
    schedule.ended(chunk(0, 0));
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 1 }));
    assert!(schedule.is_loaded(0) && !schedule.is_loaded(1) && !schedule.is_loaded(7));
    // Beside another reader, while nothing else wants the relation.
    assert!(schedule.try_read(relation(1)));
    schedule.ended(chunk(1, 0));
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 3 }));
    assert!(!schedule.try_read(relation(2)), "it runs");
    schedule.ended(Task::Entry { id: 1 });
    assert!(!schedule.try_read(relation(1)), "it is ready and waits for the first reader");
    schedule.ended(Task::Entry { id: 3 });
    assert_eq!(schedule.take_next(), Next::Wait, "a reader holds it, and that is no loop");
    schedule.read(relation(1));
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 2 }));
    schedule.ended(Task::Entry { id: 2 });
    assert_eq!(schedule.take_next(), Next::Done);
}

#[test]
fn a_key_is_built_beside_other_indexes_and_added_alone() {
    let locks = |kind| vec![(relation(1), kind)];
    let key = EntryTask { locks: locks(LockKind::Exclusive), first: Some(locks(LockKind::Share)), ..entry(1, &[], 9) };
    let index = EntryTask { locks: locks(LockKind::Share), ..entry(2, &[], 9) };
    let follows = EntryTask { depends: vec![1], ..entry(3, &[], 99) };
    let mut schedule = Schedule::new(&[], &[index, follows, key]);
    let (first, second) = (Task::First { id: 1 }, Task::Entry { id: 1 });
    assert_eq!(schedule.take_next(), Next::Run(first));
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 2 }));
    schedule.ended(first);
    assert_eq!(schedule.take_next(), Next::Wait, "the other index is being built");
    assert!(schedule.try_read(relation(1)), "the key waits for the index anyway");
    schedule.ended(Task::Entry { id: 2 });
    assert!(!schedule.try_read(relation(1)), "now it waits for the reader alone");
    schedule.read(relation(1));
    assert_eq!(schedule.take_next(), Next::Run(second));
    assert!(!schedule.try_read(relation(1)));
    schedule.ended(second);
    assert_eq!(run(&mut schedule, 2), [Task::Entry { id: 3 }]);
}

#[test]
fn readers_pass_where_no_statement_minds() {
    let key = EntryTask { locks: vec![(relation(1), LockKind::Exclusive)], ..entry(1, &[], 1) };
    let mut schedule = Schedule::new(&[], &[key.clone(), EntryTask { id: 2, ..key }]).with_readers_passing();
    assert!(schedule.try_read(relation(1)), "before it");
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 1 }));
    assert!(schedule.try_read(relation(1)), "beside it");
    assert_eq!((schedule.running(), schedule.take_next()), (1, Next::Wait));
    schedule.ended(Task::Entry { id: 1 });
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 2 }));
    schedule.read(relation(1));
    schedule.read(relation(1));
    schedule.ended(Task::Entry { id: 2 });
    assert_eq!(schedule.take_next(), Next::Done);
}

#[test]
fn quick_tasks_are_given_many_at_a_time_and_the_last_ones_are_shared() {
    let small = || load(&[QUICK]);
    let loads: Vec<LoadTask> =
        std::iter::once(load(&[QUICK + 1])).chain(std::iter::repeat_with(small).take(100)).collect();
    let mut schedule = Schedule::new(&loads, &[]);
    assert_eq!(schedule.take_next(), Next::Run(chunk(0, 0)));
    assert!(schedule.take_more(chunk(0, 0), 1).is_empty(), "a large one goes alone");
    let mut sizes = Vec::new();
    while let Next::Run(first) = schedule.take_next() {
        let more = schedule.take_more(first, 2);
        sizes.push(1 + more.len());
        std::iter::once(first).chain(more).for_each(|task| schedule.ended(task));
    }
    assert_eq!(sizes.iter().sum::<usize>(), 100);
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[0] == 12 && sizes.ends_with(&[1, 1]), "{sizes:?}");
    schedule.ended(chunk(0, 0));
    assert_eq!(schedule.take_next(), Next::Done);
}

#[test]
fn quick_entries_given_together_never_collide() {
    let on =
        |id, oid, quick| EntryTask { locks: vec![(relation(oid), LockKind::Exclusive)], quick, ..entry(id, &[], 0) };
    let mut entries: Vec<EntryTask> = (0..64).map(|n| on(n, n / 2, true)).collect();
    entries.push(on(64, 99, false));
    let mut schedule = Schedule::new(&[], &entries);
    let Next::Run(first) = schedule.take_next() else { panic!("an entry") };
    let more = schedule.take_more(first, 1);
    let ids: Vec<u32> = std::iter::once(first)
        .chain(more)
        .map(|task| match task {
            Task::Entry { id } => id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, (0..16).map(|n| 2 * n).collect::<Vec<_>>(), "one of each relation");
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 32 }));
}

#[test]
fn dependencies_hold_and_unknown_ones_count_as_done() {
    let mut late = entry(1, &[], 100);
    late.depends = vec![2, 99];
    let mut schedule = Schedule::new(&[], &[late, entry(2, &[], 1)]);
    assert_eq!(run(&mut schedule, 4), [Task::Entry { id: 2 }, Task::Entry { id: 1 }]);
}

#[test]
fn loads_after_loads() {
    let mut child = load(&[100]);
    child.after = vec![1];
    let mut schedule = Schedule::new(&[child, load(&[1])], &[]);
    assert_eq!(run(&mut schedule, 4), [chunk(1, 0), chunk(0, 0)]);
}

#[test]
fn what_is_done_is_not_done_again() {
    let half = LoadTask { chunks: vec![None, Some(5), None], after: vec![] };
    let all = LoadTask { chunks: vec![None], after: vec![] };
    let mut schedule = Schedule::new(&[half, all], &[entry(1, &[1], 0)]);
    assert_eq!(run(&mut schedule, 1), [Task::Entry { id: 1 }, chunk(0, 1)]);
}

#[test]
fn given_back_tasks_come_again() {
    let mut schedule = Schedule::new(&[load(&[1])], &[entry(1, &[0], 0)]);
    assert_eq!(schedule.take_next(), Next::Run(chunk(0, 0)));
    schedule.give_back(chunk(0, 0));
    assert_eq!(schedule.take_next(), Next::Run(chunk(0, 0)));
    schedule.ended(chunk(0, 0));
    assert_eq!(schedule.take_next(), Next::Run(Task::Entry { id: 1 }));
    schedule.give_back(Task::Entry { id: 1 });
    assert_eq!(run(&mut schedule, 1), [Task::Entry { id: 1 }]);
}

#[test]
fn loops_end_anyway() {
    let mut a = entry(1, &[], 0);
    let mut b = entry(2, &[], 0);
    (a.depends, b.depends) = (vec![2], vec![1]);
    let mut x = load(&[1]);
    let mut y = load(&[1]);
    (x.after, y.after) = (vec![1], vec![0]);
    let mut schedule = Schedule::new(&[x, y], &[a, b]);
    assert_eq!(run(&mut schedule, 3).len(), 4);
}

#[test]
fn every_task_runs_exactly_once_with_any_number_of_lanes() {
    let loads: Vec<LoadTask> = (0..20).map(|n| load(&vec![n * 7 % 13; n as usize % 5])).collect();
    let entries: Vec<EntryTask> = (0..200u32)
        .map(|id| EntryTask {
            id,
            depends: if id % 3 == 0 { vec![id / 2] } else { vec![] },
            loads: vec![id as usize % 20],
            locks: vec![(relation(id % 20), if id % 2 == 0 { LockKind::Share } else { LockKind::Exclusive })],
            weight: u64::from(id % 7),
            quick: id % 2 == 0,
            first: (id % 5 == 0).then(|| vec![(relation(id % 20), LockKind::Share)]),
        })
        .collect();
    let count = loads.iter().map(unloaded).sum::<usize>() + entries.len() + entries.len() / 5;
    for lanes in [1, 2, 8, 64] {
        let mut order = run(&mut Schedule::new(&loads, &entries), lanes);
        assert_eq!(order, run(&mut Schedule::new(&loads, &entries), lanes));
        order.sort();
        order.dedup();
        assert_eq!(order.len(), count);
    }
}
