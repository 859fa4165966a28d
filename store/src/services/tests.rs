use std::sync::Arc;

use opentelemetry_proto::tonic::resource::v1::Resource;
use spandrel_config::{Limits, Storage};

use crate::batch::NewRecord;
use crate::record::ResourceContext;
use crate::store::Store;
use crate::testing::{self, shop, text};

/// So many records of a service; of none where its name is empty.
fn of(service: &str, count: u64) -> Vec<NewRecord> {
    let attributes = if service.is_empty() { Vec::new() } else { vec![text("service.name", service)] };
    let resource = Resource { attributes, ..Resource::default() };
    let resource = Arc::new(ResourceContext { resource: Some(resource), ..ResourceContext::default() });
    shop(count).into_iter().map(|record| NewRecord { resource: resource.clone(), ..record }).collect()
}

#[test]
fn the_services_of_all_records_are_told_the_largest_first() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage { directory: folder.path().to_owned(), ..Storage::default() };
    let open = || Store::open(&storage, &Limits::default(), &prometheus::Registry::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = open();
    assert_eq!(store.snapshot().services(), [""; 0]);
    let append = |store: &Store, service, count| {
        runtime.block_on(store.append(testing::batch(of(service, count)))).unwrap();
    };
    append(&store, "orders", 300);
    append(&store, "payment", 1_000);
    append(&store, "", 600);
    assert_eq!(store.snapshot().services(), ["payment", "orders"], "in memory");
    store.close();
    let store = open();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.state.head.len(), 0);
    assert_eq!(snapshot.services(), ["payment", "orders"], "in a partition");
    append(&store, "mail", 5_000);
    assert_eq!(store.snapshot().services(), ["mail", "payment", "orders"], "in both");
}
