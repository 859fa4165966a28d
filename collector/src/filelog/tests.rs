//! The stage as a whole: real files, a real store.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use spandrel_config::{Config, FilePattern, StartAt};
use spandrel_store::record::{log_message, value};
use spandrel_store::{Record, RecordBody, Store};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::*;
use crate::counters::Counters;
use crate::testing::records;

struct Stage {
    folder: tempfile::TempDir,
    config: Config,
}

struct Running {
    registry: prometheus::Registry,
    store: Store,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Stage {
    fn new(pattern: &str) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.storage.directory = folder.path().join("data");
        let pattern = folder.path().join(pattern);
        let filelog = &mut config.receivers.filelog;
        filelog.include = vec![FilePattern::parse(pattern.to_str().unwrap()).unwrap()];
        filelog.start_at = StartAt::Beginning;
        filelog.poll_interval = Duration::from_millis(10);
        Stage { folder, config }
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn write(&self, name: &str, text: &str) {
        let file = fs::OpenOptions::new().append(true).create(true).open(self.path(name));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn start(&self) -> Running {
        let registry = prometheus::Registry::new();
        let store = Store::open(&self.config.storage, &self.config.limits, &registry).unwrap();
        let intake = Intake::new(store.clone(), &self.config, Counters::register(&registry).unwrap());
        let (metrics, stop) = (FileLogMetrics::register(&registry).unwrap(), CancellationToken::new());
        let (filelog, limits) = (self.config.receivers.filelog.clone(), self.config.limits.clone());
        let task = tokio::spawn(run(intake, filelog, limits, metrics, stop.clone()));
        Running { registry, store, stop, task }
    }
}

impl Running {
    /// Waits until a line is kept, and every one before it.
    async fn until_kept(&self, tail: &mut broadcast::Receiver<Arc<[Arc<Record>]>>, line: &str) {
        while !tail.recv().await.unwrap().iter().any(|record| original(record) == line) {}
    }

    /// Waits until so many records are kept.
    async fn records(&self, count: usize) -> Vec<Arc<Record>> {
        let mut tail = self.store.subscribe();
        loop {
            let records = records(&self.store);
            if records.len() >= count {
                return records;
            }
            tail.recv().await.unwrap();
        }
    }

    async fn stop(self) -> Vec<Arc<Record>> {
        self.stop.cancel();
        self.task.await.unwrap();
        let records = records(&self.store);
        tokio::task::spawn_blocking(move || self.store.close()).await.unwrap();
        records
    }
}

/// What a counter has come to; records are seen before they are counted, so of one that has stopped.
fn counter(registry: &prometheus::Registry, name: &str) -> f64 {
    let families = registry.gather();
    let of_name = families.iter().filter(|family| family.name() == name);
    of_name.flat_map(|family| family.get_metric()).map(|metric| metric.get_counter().get_value()).sum()
}

fn original(record: &Record) -> &str {
    std::str::from_utf8(record.original.as_deref().unwrap()).unwrap()
}

fn message(record: &Record) -> String {
    let RecordBody::Log(log) = &record.body else { panic!("a span") };
    log_message(log).into_owned()
}

fn attribute_of(record: &Record, key: &str) -> String {
    let RecordBody::Log(log) = &record.body else { panic!("a span") };
    value::text_attribute(&log.attributes, key).unwrap_or_default().to_owned()
}

fn resource_of(record: &Record, key: &str) -> String {
    value::text_attribute(record.resource.attributes(), key).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_kept_once_over_a_stop_and_a_start() {
    let mut stage = Stage::new("*.log");
    stage.config.receivers.filelog.include_file_path = true;
    stage.write("a.log", "{\"level\":\"error\",\"msg\":\"boom\"}\nplain\n");
    let running = stage.start();
    let kept = running.records(2).await;
    assert!(kept.iter().all(|record| record.receiver == Receiver::FileLog));
    assert!(kept.iter().all(|record| attribute_of(record, "log.file.name") == "a.log"));
    assert_eq!(attribute_of(&kept[0], "log.file.path"), stage.path("a.log").display().to_string());
    stage.write("a.log", "third\n");
    assert_eq!(running.stop().await.len(), 3, "what is there is read before the end");

    stage.write("a.log", "fourth\n");
    let running = stage.start();
    running.records(4).await;
    let mut lines: Vec<String> =
        running.stop().await.iter().map(|record| original(record).to_owned()).collect();
    lines.sort();
    assert_eq!(lines, ["fourth", "plain", "third", "{\"level\":\"error\",\"msg\":\"boom\"}"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pods_lines_are_joined_by_stream_and_say_whose_they_are() {
    let stage = Stage::new("pods/*/*/*.log");
    stage.write(
        "pods/shop_payment-7d9f_0a1b/payment/0.log",
        "2026-11-22T10:00:00.1Z stdout P {\"level\":\"error\",\n\
         2026-11-22T10:00:00.2Z stderr F panic: no funds\n\
         2026-11-22T10:00:00.3Z stdout F \"msg\":\"declined\"}\n\
         2026-11-22T10:00:00.4Z stderr F \n\
         2026-11-22T10:00:00.5Z stderr F goroutine 1 [running]:\n",
    );
    let running = stage.start();
    let records = running.records(2).await;
    let declined = records.iter().find(|record| message(record) == "declined").unwrap();
    assert_eq!(resource_of(declined, "k8s.pod.name"), "payment-7d9f");
    assert_eq!(resource_of(declined, "k8s.namespace.name"), "shop");
    assert_eq!(declined.service(), "payment");
    assert_eq!(attribute_of(declined, "log.iostream"), "stdout");
    let panic = records.iter().find(|record| message(record).starts_with("panic")).unwrap();
    assert_eq!(message(panic), "panic: no funds\n\ngoroutine 1 [running]:");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_in_dockers_lines_is_one_record() {
    let id = "0f".repeat(32);
    let stage = Stage::new("containers/*/*-json.log");
    let text = [
        "2026-11-22 10:00:00 ERROR it failed",
        "java.lang.IllegalStateException: no funds",
        "\tat shop.Payment.charge(Payment.java:7)",
    ];
    let lines = text.map(|line| {
        let line = serde_json::json!({
            "log": format!("{line}\n"),
            "stream": "stderr",
            "time": "2026-11-22T10:00:00.123456789Z",
        });
        format!("{line}\n")
    });
    stage.write(&format!("containers/{id}/{id}-json.log"), &lines.concat());
    let running = stage.start();
    let records = running.records(1).await;
    assert_eq!(message(&records[0]), text.join("\n"));
    assert_eq!(original(&records[0]), lines.concat().trim_end());
    assert_eq!(attribute_of(&records[0], "exception.type"), "java.lang.IllegalStateException");
    assert_eq!(attribute_of(&records[0], "log.iostream"), "stderr");
    assert_eq!(resource_of(&records[0], "container.id"), id);
    assert_eq!(running.stop().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_lines_name_goes_before_the_containers_name() {
    let stage = Stage::new("pods/*/*/*.log");
    stage.write(
        "pods/shop_web-1_0a/web/0.log",
        "2026-11-22T10:00:00.1Z stdout F {\"service.name\":\"storefront\",\"msg\":\"a\"}\n",
    );
    let running = stage.start();
    assert_eq!(running.records(1).await[0].service(), "storefront");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_store_has_no_room_nothing_is_lost() {
    let mut stage = Stage::new("*.log");
    // Room for a few chunks only, until they are committed.
    stage.config.limits.memory = spandrel_config::ByteSize::mib(16);
    let lines: String =
        (0..60_000).map(|n| format!("{{\"n\":{n},\"pad\":\"{}\"}}\n", "x".repeat(200))).collect();
    stage.write("a.log", &lines);
    let running = stage.start();
    let records = running.records(60_000).await;
    let numbers: std::collections::BTreeSet<&str> = records.iter().map(|record| original(record)).collect();
    assert_eq!((records.len(), numbers.len()), (60_000, 60_000));
    running.stop().await;
}

/// A store in which there is room for a few hundred kilobytes at once.
fn tiny() -> Stage {
    let mut stage = Stage::new("*.log");
    stage.config.storage.retention.max_bytes = Some(spandrel_config::ByteSize::mib(1));
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_for_which_there_can_never_be_room_is_counted_and_passed_over() {
    let stage = tiny();
    let huge = "x".repeat(600 << 10);
    stage.write("a.log", &format!("before\n{huge}\nafter\n"));
    let running = stage.start();
    let mut lines: Vec<String> =
        running.records(2).await.iter().map(|record| original(record).to_owned()).collect();
    lines.sort();
    assert_eq!(lines, ["after", "before"]);
    let registry = running.registry.clone();
    running.stop().await;
    assert_eq!(counter(&registry, "spandrel_receiver_refused_records_total"), 1.0);

    // It is behind what was read: nothing of it is tried again.
    let running = stage.start();
    stage.write("a.log", "last\n");
    assert_eq!(running.records(3).await.len(), 3);
    let registry = running.registry.clone();
    running.stop().await;
    assert_eq!(counter(&registry, "spandrel_receiver_refused_records_total"), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_lines_are_kept_in_as_many_parts_as_a_small_store_needs() {
    let stage = tiny();
    let lines: String =
        (0..3_000).map(|n| format!("{{\"n\":{n},\"pad\":\"{}\"}}\n", "x".repeat(200))).collect();
    let running = stage.start();
    let mut tail = running.store.subscribe();
    stage.write("a.log", &lines);
    stage.write("a.log", "last\n");
    running.until_kept(&mut tail, "last").await;
    let registry = running.registry.clone();
    running.stop().await;
    assert_eq!(counter(&registry, "spandrel_receiver_refused_records_total"), 0.0);
    assert_eq!(counter(&registry, "spandrel_receiver_accepted_records_total"), 3_001.0);
}

#[test]
fn a_relative_pattern_is_followed_from_where_the_program_was_started() {
    let found = discovery::find(&[FilePattern::parse("src/lib.rs").unwrap()], &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, Path::new("src/lib.rs"));
}
