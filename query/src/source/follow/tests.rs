use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use spandrel_config::{Limits, Storage};
use spandrel_store::{Filter, Store};
use tempfile::TempDir;

use super::Followed;
use crate::source::{LocalSource, Source, TailEvent};

/// Sidecars with a store each, under names of the test's own.
struct Fleet {
    listed: Arc<Mutex<Vec<Arc<dyn Source>>>>,
    _folders: Vec<TempDir>,
    all: Vec<Arc<dyn Source>>,
}

impl Fleet {
    fn of(names: &[&str]) -> Fleet {
        let mut fleet = Fleet { listed: Arc::default(), _folders: Vec::new(), all: Vec::new() };
        for name in names {
            let folder = tempfile::tempdir().unwrap();
            let storage = Storage { directory: folder.path().to_owned(), ..Storage::default() };
            let store = Store::open(&storage, &Limits::default(), &prometheus::Registry::new()).unwrap();
            fleet.all.push(Arc::new(LocalSource::new(store, (*name).to_owned(), 1)));
            fleet._folders.push(folder);
        }
        fleet
    }

    fn list(&self, places: &[usize]) {
        *self.listed.lock().unwrap() = places.iter().map(|place| self.all[*place].clone()).collect();
    }

    fn followed(&self) -> Followed {
        let listed = self.listed.clone();
        Followed::new(Box::new(move || listed.lock().unwrap().clone()), Filter::All)
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_and_who_leaves_is_told() {
    let fleet = Fleet::of(&["a:1", "b:1"]);
    fleet.list(&[0]);
    let mut followed = fleet.followed();
    assert_eq!(followed.sources(), 1);
    fleet.list(&[1, 0]);
    let Some(TailEvent::Joined(peer)) = followed.next().await else { panic!("nobody came") };
    assert_eq!((peer.name.as_str(), followed.sources()), ("b:1", 2));
    fleet.list(&[1]);
    let Some(TailEvent::Left { name, was_lost }) = followed.next().await else { panic!("nobody left") };
    assert_eq!((name.as_str(), was_lost, followed.sources()), ("a:1", false, 1));
    // Nobody at all is no end.
    fleet.list(&[]);
    assert!(matches!(followed.next().await, Some(TailEvent::Left { .. })));
    fleet.list(&[0]);
    assert!(matches!(followed.next().await, Some(TailEvent::Joined(_))));
}
