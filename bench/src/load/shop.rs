//! The shop: 15 services, four kinds of request, one trace in fifty failing deep down.
//!
//! Everything about trace `n` follows from the seed and `n` alone; nothing is remembered.

mod attributes;

use fastrand::Rng;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span};

use self::attributes::Visit;
use super::attribute::text;
use super::route::{self, Route, Step, StepKind};

/// One trace in this many fails.
const FAILING_TRACE_EVERY: u64 = 50;
/// Event time between the starts of two traces.
const TRACE_INTERVAL_NS: u64 = 1_000_000;

const SEVERITY_INFO: i32 = 9;
const SEVERITY_ERROR: i32 = 17;
const STATUS_ERROR: i32 = 2;

/// An index into [`Shop::SERVICES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceIndex(pub usize);

#[derive(Debug)]
pub struct Shop {
    seed: u64,
    /// Event time of the first trace's start.
    epoch_unix_ns: u64,
    routes: Vec<Route>,
    resources: Vec<Resource>,
}

/// One trace, with what an answer about it has to hold.
#[derive(Debug, Clone)]
pub struct ShopTrace {
    pub id: [u8; 16],
    pub spans: Vec<(ServiceIndex, Span)>,
    pub logs: Vec<(ServiceIndex, LogRecord)>,
    /// Where it failed first, if it did.
    pub failed_in: Option<ServiceIndex>,
    /// The value of `order.id` and how many of its spans carry it.
    pub order: Option<(String, usize)>,
}

impl Shop {
    pub const SERVICES: [&'static str; 15] = [
        "frontend",
        "gateway",
        "users",
        "catalog",
        "search",
        "pricing",
        "inventory",
        "cart",
        "checkout",
        "orders",
        "payment",
        "fraud",
        "shipping",
        "notifications",
        "recommendations",
    ];

    pub fn new(seed: u64, epoch_unix_ns: u64) -> Shop {
        let routes = route::parse(include_str!("routes.txt"), &Shop::SERVICES)
            .expect("routes.txt is part of this program and read by its tests");
        let resources = (0..Shop::SERVICES.len()).map(attributes::resource).collect();
        Shop { seed, epoch_unix_ns, routes, resources }
    }

    pub fn resource(&self, service: ServiceIndex) -> Resource {
        self.resources[service.0].clone()
    }

    /// The trace id alone, without making the trace.
    pub fn trace_id(&self, number: u64) -> [u8; 16] {
        self.rng(number).u128(1..).to_be_bytes()
    }

    pub fn fails(number: u64) -> bool {
        number % FAILING_TRACE_EVERY == FAILING_TRACE_EVERY / 2
    }

    pub fn trace(&self, number: u64) -> ShopTrace {
        let mut rng = self.rng(number);
        let id = rng.u128(1..).to_be_bytes();
        let route = self.choose_route(&mut rng);
        let failing = Shop::fails(number).then(|| choose_failing(route, &mut rng));
        let visit = Visit::new(number, &mut rng);
        let times = Times::of(route, self.epoch_unix_ns + number * TRACE_INTERVAL_NS, &mut rng);
        let span_ids = route.steps.iter().map(|_| rng.u64(1..).to_be_bytes()).collect();
        Telling { id, route, failing, visit, times, span_ids }.trace()
    }

    fn choose_route(&self, rng: &mut Rng) -> &Route {
        let total = self.routes.iter().map(|route| route.weight).sum();
        let mut ticket = rng.usize(0..total);
        for route in &self.routes {
            if ticket < route.weight {
                return route;
            }
            ticket -= route.weight;
        }
        &self.routes[0]
    }

    fn rng(&self, number: u64) -> Rng {
        // The odd factor spreads neighbouring numbers over all seeds.
        Rng::with_seed(self.seed ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// One trace while it is told: everything about it is decided.
struct Telling<'a> {
    id: [u8; 16],
    route: &'a Route,
    /// The step that fails first.
    failing: Option<usize>,
    visit: Visit,
    times: Times,
    span_ids: Vec<[u8; 8]>,
}

impl Telling<'_> {
    fn trace(&self) -> ShopTrace {
        let steps = || self.route.steps.iter().enumerate();
        let service = |step: &Step| ServiceIndex(step.service);
        let spans: Vec<_> = steps().map(|(index, step)| (service(step), self.span(index, step))).collect();
        let logged = steps().zip(&spans).filter(|((index, step), _)| self.logs(*index, step));
        let logs = logged.map(|((index, step), (service, span))| {
            (*service, log_of(span, step, &self.visit, self.has_failed(index)))
        });
        let orders = steps().filter(|(_, step)| self.visit.carries_order(step)).count();
        ShopTrace {
            id: self.id,
            logs: logs.collect(),
            spans,
            failed_in: self.failing.map(|failing| service(&self.route.steps[failing])),
            order: (orders > 0).then(|| (self.visit.order_id(), orders)),
        }
    }

    fn span(&self, index: usize, step: &Step) -> Span {
        let parent = step.parent.map(|parent| self.span_ids[parent].to_vec()).unwrap_or_default();
        let failed = self.has_failed(index);
        let mut span = Span {
            trace_id: self.id.to_vec(),
            span_id: self.span_ids[index].to_vec(),
            parent_span_id: parent,
            flags: 0x101,
            name: step.name.clone(),
            kind: otlp_kind(step.kind),
            start_time_unix_nano: self.times.start[index],
            end_time_unix_nano: self.times.start[index] + self.times.duration[index],
            attributes: self.visit.attributes(step, failed),
            ..Span::default()
        };
        if failed {
            fail(&mut span, step, self.failing == Some(index));
        }
        span
    }

    fn has_failed(&self, index: usize) -> bool {
        self.failing.is_some_and(|failing| is_ancestor_or_self(self.route, index, failing))
    }

    /// Who takes a request or a message logs that it is done, and who fails first logs why.
    fn logs(&self, index: usize, step: &Step) -> bool {
        matches!(step.kind, StepKind::Server | StepKind::Consumer) || self.failing == Some(index)
    }
}

impl ShopTrace {
    pub fn id_hex(&self) -> String {
        hex(&self.id)
    }

    pub fn error_logs(&self) -> usize {
        self.logs.iter().filter(|(_, log)| log.severity_number >= SEVERITY_ERROR).count()
    }

    pub fn error_spans(&self) -> usize {
        let failed = |span: &Span| span.status.as_ref().is_some_and(|status| status.code == STATUS_ERROR);
        self.spans.iter().filter(|(_, span)| failed(span)).count()
    }
}

/// Lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Starts and durations of a route's steps: calls in a row, messages taken up after they were sent.
struct Times {
    start: Vec<u64>,
    duration: Vec<u64>,
}

impl Times {
    fn of(route: &Route, first_start: u64, rng: &mut Rng) -> Times {
        let count = route.steps.len();
        let mut duration: Vec<u64> = (0..count).map(|_| rng.u64(80_000..2_500_000)).collect();
        for index in (1..count).rev() {
            let step = &route.steps[index];
            if let (Some(parent), true) = (step.parent, step.kind != StepKind::Consumer) {
                duration[parent] += duration[index] + 40_000;
            }
        }
        let mut start = vec![first_start; count];
        let mut cursor = vec![0; count];
        for index in 0..count {
            let step = &route.steps[index];
            start[index] = match step.parent {
                None => first_start,
                Some(parent) if step.kind == StepKind::Consumer => {
                    start[parent] + duration[parent] + rng.u64(1_000_000..50_000_000)
                }
                Some(parent) => {
                    let start = cursor[parent];
                    cursor[parent] += duration[index] + 40_000;
                    start
                }
            };
            cursor[index] = start[index] + 20_000;
        }
        Times { start, duration }
    }
}

/// A step that others wait for, as deep as a random choice of three finds.
fn choose_failing(route: &Route, rng: &mut Rng) -> usize {
    let draws = [0; 3].map(|_| rng.usize(0..route.steps.len()));
    draws.into_iter().max_by_key(|step| route.steps[*step].depth).unwrap_or_default()
}

/// Whether `index` is `failing` or waits for it; a message's sender does not wait for its consumers.
fn is_ancestor_or_self(route: &Route, index: usize, failing: usize) -> bool {
    let mut at = failing;
    loop {
        if at == index {
            return true;
        }
        match route.steps[at].parent {
            Some(parent) if route.steps[at].kind != StepKind::Consumer => at = parent,
            _ => return false,
        }
    }
}

fn otlp_kind(kind: StepKind) -> i32 {
    match kind {
        StepKind::Internal => 1,
        StepKind::Server => 2,
        StepKind::Client | StepKind::Database => 3,
        StepKind::Producer => 4,
        StepKind::Consumer => 5,
    }
}

fn fail(span: &mut Span, step: &Step, first: bool) {
    let service = Shop::SERVICES[step.service];
    let message = match first {
        true => format!("{service}: connection pool exhausted"),
        false => "upstream call failed".to_owned(),
    };
    if first {
        span.events.push(span::Event {
            time_unix_nano: span.end_time_unix_nano - 1_000,
            name: "exception".to_owned(),
            attributes: vec![
                text("exception.type", "shop.PoolExhausted"),
                text("exception.message", message.as_str()),
                text("exception.stacktrace", format!("at shop.{service}.Pool.take(Pool.java:117)")),
            ],
            dropped_attributes_count: 0,
        });
    }
    span.status = Some(Status { message, code: STATUS_ERROR });
}

fn log_of(span: &Span, step: &Step, visit: &Visit, failed: bool) -> LogRecord {
    let time = span.end_time_unix_nano - 2_000;
    let (severity_number, severity_text) =
        if failed { (SEVERITY_ERROR, "ERROR") } else { (SEVERITY_INFO, "INFO") };
    let message = match (&span.status, failed) {
        (Some(status), true) => format!("{} failed: {}", step.name, status.message),
        _ => format!("{} done for {} in {} us, 200, cache miss", step.name, visit.user_id(), time % 9_973),
    };
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time + 3_000,
        severity_number,
        severity_text: severity_text.to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(message)) }),
        attributes: visit.log_attributes(step),
        flags: 1,
        trace_id: span.trace_id.clone(),
        span_id: span.span_id.clone(),
        ..LogRecord::default()
    }
}
