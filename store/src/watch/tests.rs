use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use spandrel_config::{Limits, Storage};

use crate::store::Store;
use crate::testing::{batch, shop};

#[tokio::test]
async fn every_record_that_is_kept_is_seen_once_and_one_that_is_refused_is_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage { directory: folder.path().to_owned(), ..Storage::default() };
    let store = Store::open(&storage, &Limits::default(), &prometheus::Registry::new()).unwrap();
    let (looked, kept) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let watching = (looked.clone(), kept.clone());
    assert!(store.watch(Box::new(move |records| {
        let (count, kept) = (records.len(), watching.1.clone());
        watching.0.fetch_add(count, Ordering::Relaxed);
        Some(Box::new(move || {
            kept.fetch_add(count, Ordering::Relaxed);
        }))
    })));
    assert!(!store.watch(Box::new(|_| None)));
    store.append(batch(shop(10))).await.unwrap();
    store.append(batch(shop(5))).await.unwrap();
    assert_eq!((looked.load(Ordering::Relaxed), kept.load(Ordering::Relaxed)), (15, 15));
    let closing = store.clone();
    tokio::task::spawn_blocking(move || closing.close()).await.unwrap();
    assert!(store.append(batch(shop(3))).await.is_err());
    assert_eq!((looked.load(Ordering::Relaxed), kept.load(Ordering::Relaxed)), (18, 15));
}
