//! What is traced, and that the process's own numbers are there.

use prometheus::Registry;

use super::{is_traced, register};

#[test]
fn questions_are_traced_and_nothing_on_the_way_in_is() {
    assert!(is_traced("spandrel_query::api::metrics"));
    assert!(!is_traced("spandrel_collector::grpc"));
    assert!(!is_traced("spandrel_store::journal"));
    assert!(!is_traced("h2::server"));
    assert!(!is_traced("tonic::transport"));
}

#[test]
fn the_process_is_measured_whenever_it_is_asked() {
    let registry = Registry::new();
    register(&registry).unwrap();
    let families = registry.gather();
    let value = |name: &str| {
        let family = families.iter().find(|family| family.name() == name);
        family.unwrap_or_else(|| panic!("{name} is missing")).get_metric()[0].get_gauge().get_value()
    };
    assert_eq!(value("spandrel_build_info"), 1.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") >= 3.0);
    // Some time after 2020, and not in the future.
    let now = jiff::Timestamp::now().as_second() as f64;
    assert!(value("process_start_time_seconds") > 1.6e9 && value("process_start_time_seconds") <= now + 1.0);
}
