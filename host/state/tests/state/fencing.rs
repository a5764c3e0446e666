//! Two owners of one state in a bucket: the older one is told before anything of it is sent.

use std::sync::Arc;

use object_store::{ObjectStore, local::LocalFileSystem, memory::InMemory};
use streamgauge_state::{checkpoint::Checkpoints, error::StateError, log::Log, store::Store};

use crate::image::scratch;

fn places(test: impl Fn(&dyn Fn() -> Store)) {
    let folder = scratch();
    let directory: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    for objects in [Arc::new(InMemory::new()), directory] {
        test(&|| Store::objects(Arc::clone(&objects), "some/where", "test:").unwrap().folder("q").unwrap());
    }
}

#[test]
fn the_older_owner_is_fenced_at_its_next_sync() {
    places(|store| {
        let mut older = Log::open(&store(), 7).unwrap();
        older.append(b"1").unwrap();
        older.sync().unwrap();
        older.append(b"2, never synced").unwrap();
        let mut newer = Log::open(&store(), 7).unwrap();
        assert!(newer.epoch() > older.epoch());
        assert_eq!(newer.append(b"2").unwrap(), 2);
        let error = older.sync().unwrap_err();
        assert!(matches!(error, StateError::Fenced { .. }), "{error}");
        assert!(matches!(older.sync(), Err(StateError::Broken { .. })), "and it stays so");
        newer.sync().unwrap();
        drop((older, newer));
        let log = Log::open(&store(), 7).unwrap();
        let payloads: Vec<_> =
            log.recovered(None).unwrap().entries.into_iter().map(|entry| entry.payload).collect();
        assert_eq!(payloads, [b"1", b"2"]);
    });
}

#[test]
fn an_owner_that_wakes_up_when_all_it_knew_is_removed_is_fenced_still() {
    places(|store| {
        let mut older = Log::open(&store(), 7).unwrap();
        older.append(b"1").unwrap();
        older.sync().unwrap();
        older.append(b"late").unwrap();
        let mut newer = Log::open(&store(), 7).unwrap();
        for turn in 0..20 {
            newer.append(b"x").unwrap();
            newer.sync().unwrap();
            // Its opening stays, also where the object behind it was removed before.
            if turn % 7 == 0 {
                newer.remove_below(newer.next_index()).unwrap();
            }
        }
        newer.remove_below(newer.next_index()).unwrap();
        let names = store().list("log-").unwrap();
        assert!(names.len() <= 3, "{names:?}");
        assert!(matches!(older.sync(), Err(StateError::Fenced { .. })));
        newer.append(b"y").unwrap();
        newer.sync().unwrap();
        let log = Log::open(&store(), 7).unwrap();
        assert_eq!(log.recovered(Some(22)).unwrap().entries.len(), 1);
    });
}

#[test]
fn many_owners_at_once_make_one_log() {
    places(|store| {
        let workers: Vec<_> = (0..4)
            .map(|worker: u8| {
                let store = store();
                std::thread::spawn(move || {
                    let mut synced = Vec::new();
                    for _ in 0..5 {
                        let Ok(mut log) = Log::open(&store, 7) else { continue };
                        for turn in 0..5 {
                            let index = log.append(&[worker, turn]).unwrap();
                            match log.sync() {
                                Ok(()) => synced.push((index, [worker, turn].to_vec())),
                                Err(error) => {
                                    assert!(matches!(error, StateError::Fenced { .. }), "{error}");
                                    break;
                                }
                            }
                        }
                    }
                    synced
                })
            })
            .collect();
        let mut synced: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        synced.sort();
        let log = Log::open(&store(), 7).unwrap();
        let entries = log.recovered(None).unwrap().entries;
        let entries: Vec<_> = entries.into_iter().map(|entry| (entry.index, entry.payload)).collect();
        assert_eq!(entries, synced, "what was synced is there, once, and nothing else");
        assert!(!entries.is_empty());
    });
}

#[test]
fn checkpoints_of_an_owner_that_was_taken_over_do_no_harm() {
    places(|store| {
        let older = Log::open(&store(), 7).unwrap();
        let mut late = Checkpoints::open(&store(), 7, older.epoch()).unwrap();
        let newer = Log::open(&store(), 7).unwrap();
        let mut checkpoints = Checkpoints::open(&store(), 7, newer.epoch()).unwrap();
        let begun = late.begin(vec![b"late".to_vec()]).unwrap();
        late.finish(begun, b"late").unwrap();
        let begun = checkpoints.begin(vec![b"new".to_vec()]).unwrap();
        let section = begun.sections[0];
        let generation = checkpoints.finish(begun, b"new").unwrap();
        let found = checkpoints.newest().unwrap().unwrap();
        assert_eq!((found.generation, &found.payload[..]), (generation, &b"new"[..]));
        assert_eq!(&checkpoints.read(&section).unwrap()[..], b"new");
        assert!(matches!(late.begin(vec![b"late".to_vec()]), Err(StateError::Fenced { .. })));
    });
}
