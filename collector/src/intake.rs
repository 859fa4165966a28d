//! From a request's body to its answer: decompress, decode, normalise, keep. Every receiver goes through
//! here, so that each rule is written once.
//!
//! Large bodies are decoded on the blocking pool, so that they hold up no other request. The pool's queue is
//! bounded by the memory budget, of which every body holds its bytes.

use std::num::NonZero;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Duration;

use bytes::Bytes;
use spandrel_config::Config;
use spandrel_store::{Batch, Checkpoint, NewBody, NewRecord, Permit, Receiver, Store, UnixNanos};
use tokio::sync::Semaphore;

use crate::activity::Activity;
use crate::admission::Admission;
use crate::body::{BodyLimits, compression};
use crate::content::{Compression, Encoding};
use crate::counters::Counters;
use crate::json_log::Rules;
use crate::lines::ChunkLimits;
use crate::normalise::{Normaliser, RecordLimits, Refused};
use crate::otlp::{self, Signal};
use crate::refusal::Refusal;

/// Bodies up to this size are decoded where they were read.
const INLINE_BYTES_MAX: usize = 32 << 10;

const NO_EXPORTER: &str = "no exporter takes metrics: they were counted and dropped";

/// Shared by all receivers; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    pub(crate) store: Store,
    pub(crate) counters: Counters,
    pub(crate) activity: Arc<Activity>,
    pub(crate) body_limits: BodyLimits,
    pub(crate) record_limits: RecordLimits,
    pub(crate) chunk_limits: ChunkLimits,
    /// How lines are understood.
    pub(crate) rules: Arc<Rules>,
    admission_wait: Duration,
}

/// How an OTLP body is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) signal: Signal,
    pub(crate) encoding: Encoding,
    pub(crate) compression: Compression,
}

/// What a success says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    /// Why some were refused, or a warning; empty where all is well.
    pub(crate) message: String,
}

impl Intake {
    pub(crate) fn new(store: Store, config: &Config, counters: Counters) -> Intake {
        let limits = &config.limits;
        let body_limits =
            BodyLimits { bytes_max: limits.request_bytes_max.as_usize(), timeout: limits.request_timeout };
        let activity = Arc::new(Activity::new(counters.clone()));
        Intake {
            store,
            counters,
            activity,
            body_limits,
            record_limits: RecordLimits::of(limits),
            chunk_limits: ChunkLimits::of(limits),
            rules: Arc::new(Rules::of(&config.logs)),
            admission_wait: limits.admission_wait,
        }
    }

    pub(crate) fn admit(&self) -> Result<Admission, Refusal> {
        Admission::new(self.store.budget(), self.admission_wait)
            .ok_or(Refusal::Overloaded { retry_after: Duration::from_secs(1) })
    }

    /// For a part of what another admission is for.
    pub(crate) fn admit_part(&self, whole: &Admission) -> Result<Admission, Refusal> {
        whole.for_part().ok_or(Refusal::Overloaded { retry_after: Duration::from_secs(1) })
    }

    /// Keeps what an OTLP request carries.
    pub(crate) async fn export(
        &self,
        receiver: Receiver,
        form: Form,
        body: Bytes,
        admission: Admission,
    ) -> Result<Outcome, Refusal> {
        let (body_max, limits) = (self.body_limits.bytes_max, self.record_limits);
        let received = UnixNanos::now();
        let size = body.len();
        let mut admission = admission;
        admission.reserve_records_patiently(size).await?;
        let decode = move || {
            let body = compression::decompress(form.compression, body, body_max, &mut admission)?;
            let mut normaliser = Normaliser::new(received, limits, admission);
            match form.encoding {
                Encoding::Protobuf => otlp::protobuf::read(form.signal, &body, &mut normaliser)?,
                Encoding::Json => otlp::json::read(form.signal, &body, &mut normaliser)?,
            }
            Ok(normaliser)
        };
        let normaliser = run(size, form.compression, decode).await?;
        self.settle(receiver, form.signal, normaliser).await
    }

    async fn settle(
        &self,
        receiver: Receiver,
        signal: Signal,
        normaliser: Normaliser,
    ) -> Result<Outcome, Refusal> {
        let mut normaliser = normaliser;
        self.counters.cut(&normaliser.cuts);
        self.count_refused(receiver, signal, normaliser.refused);
        if signal == Signal::Metrics {
            return Ok(self.drop_metrics(normaliser.data_points));
        }
        let refused = normaliser.refused;
        if normaliser.records.is_empty() && refused.total() > 0 {
            return Err(Refusal::NothingValid(refused.message()));
        }
        let (received, (records, permit)) = (normaliser.received, normaliser.take_records());
        drop(normaliser);
        let count = records.len() as u64;
        let accepted =
            self.keep(receiver, signal, received, records, permit).await.inspect_err(|refusal| {
                self.counters.refused_records(receiver, signal, refusal.reason(), count);
            })?;
        Ok(Outcome { accepted, rejected: refused.total(), message: refused.message() })
    }

    /// Hands records to the store and returns once they are kept: how many there were.
    pub(crate) async fn keep(
        &self,
        receiver: Receiver,
        signal: Signal,
        received: UnixNanos,
        records: Vec<NewRecord<NewBody>>,
        permit: Option<Permit>,
    ) -> Result<u64, Refusal> {
        let count = records.len() as u64;
        if count == 0 {
            return Ok(0);
        }
        self.store.append(Batch { receiver, received, records, checkpoints: Vec::new(), permit }).await?;
        self.counters.accepted(receiver, signal, count);
        Ok(count)
    }

    /// Hands logs to the store with how far they were read; of both, all is kept or nothing.
    pub(crate) async fn keep_with_checkpoints(
        &self,
        receiver: Receiver,
        received: UnixNanos,
        records: Vec<NewRecord<NewBody>>,
        permit: Option<Permit>,
        checkpoints: Vec<Checkpoint>,
    ) -> Result<(), Refusal> {
        let count = records.len() as u64;
        self.store.append(Batch { receiver, received, records, checkpoints, permit }).await?;
        self.counters.accepted(receiver, Signal::Logs, count);
        Ok(())
    }

    fn count_refused(&self, receiver: Receiver, signal: Signal, refused: Refused) {
        for (reason, count) in refused.by_reason() {
            self.counters.refused_records(receiver, signal, reason, count);
        }
    }

    /// What nothing takes is dropped, and so it is not accepted.
    fn drop_metrics(&self, data_points: u64) -> Outcome {
        self.counters.dropped_without_exporter(Signal::Metrics, data_points);
        let message = if data_points > 0 { NO_EXPORTER.to_owned() } else { String::new() };
        Outcome { accepted: data_points, rejected: 0, message }
    }
}

/// As many decoders have a thread at once as there are processors: more would be no faster, and the allocator keeps
/// memory back for each.
static DECODERS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, NonZero::get).max(2)));

/// Runs a decoder here, or on the blocking pool where its input may be large.
pub(crate) async fn run<T: Send + 'static>(
    size: usize,
    compression: Compression,
    decode: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let unfolded = if compression == Compression::Identity { size } else { size.saturating_mul(8) };
    if unfolded <= INLINE_BYTES_MAX {
        return decode();
    }
    let turn = DECODERS.acquire().await.expect("this semaphore is never closed");
    let decoding = move || {
        let _turn = turn;
        decode()
    };
    tokio::task::spawn_blocking(decoding).await.unwrap_or_else(|error| {
        // No input is known to do this; if one does, sending it again would do it again.
        tracing::error!(%error, "a decoder failed");
        Err(Refusal::undecodable("the decoder failed"))
    })
}
