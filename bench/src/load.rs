//! The load: a shop of 15 services, as OTLP requests that are the same for the same seed.
//!
//! [`Shop`] tells every trace by its number, so that whoever sent the load also knows each answer to it.
//! [`requests`] gathers the traces' records by service, as the services' own exporters would, and encodes
//! them: each request holds one resource and up to `per_request` records.

pub mod attribute;
mod encode;
mod route;
mod shape;
mod shop;
#[cfg(test)]
mod tests;

use std::ops::Range;

use bytes::Bytes;

use self::shape::Shaper;
pub use encode::{decode, logs_request, spans_request};
pub use shape::Shape;
pub use shop::{ServiceIndex, Shop, ShopTrace, hex};

/// Which of the two signals a request holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Spans,
    Logs,
}

/// An encoded OTLP/HTTP body.
#[derive(Debug, Clone)]
pub struct Request {
    pub signal: Signal,
    /// Whose exporter sends it.
    pub service: ServiceIndex,
    pub records: usize,
    pub body: Bytes,
}

/// A whole load: its requests in the order to send them, and how many of the shop's traces it holds.
#[derive(Debug)]
pub struct Load {
    pub requests: Vec<Request>,
    pub records: usize,
    pub traces: u64,
}

impl Signal {
    /// Where OTLP/HTTP takes it.
    pub fn path(self) -> &'static str {
        match self {
            Signal::Spans => "/v1/traces",
            Signal::Logs => "/v1/logs",
        }
    }

    pub fn noun(self) -> &'static str {
        match self {
            Signal::Spans => "span",
            Signal::Logs => "log",
        }
    }
}

impl Load {
    pub fn bytes(&self) -> usize {
        self.requests.iter().map(|request| request.body.len()).sum()
    }
}

/// Which of the shop's records make a load, and how.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub signal: Signal,
    /// The first of its traces.
    pub first_trace: u64,
    /// At least so many; each trace is whole.
    pub records: usize,
    pub per_request: usize,
    /// Of spans; logs are always as the shop writes them.
    pub shape: Shape,
}

/// At least `records` records of one signal, traces 0, 1, … of the shop, each of them whole.
pub fn requests(shop: &Shop, signal: Signal, records: usize, per_request: usize) -> Load {
    part(shop, Part { signal, first_trace: 0, records, per_request, shape: Shape::default() })
}

pub fn part(shop: &Shop, part: Part) -> Load {
    match part.signal {
        Signal::Spans => {
            let mut shaper = Shaper::new(shop, part.shape);
            let spans_of = |mut trace: ShopTrace| {
                trace.spans.iter_mut().for_each(|(_, span)| shaper.apply(span));
                trace.spans
            };
            let encode = |service, spans| encode::encode_spans(shop.resource(service), spans);
            gather(shop, part, spans_of, encode)
        }
        Signal::Logs => {
            let encode = |service, logs| encode::encode_logs(shop.resource(service), logs);
            gather(shop, part, |trace| trace.logs, encode)
        }
    }
}

/// The records of one signal of so many traces.
pub fn of_traces(shop: &Shop, signal: Signal, traces: Range<u64>, per_request: usize) -> Load {
    // Each trace has a record at least.
    let each = |number| load_of_trace(shop, signal, number);
    let records = traces.clone().map(each).sum();
    part(shop, Part { signal, first_trace: traces.start, records, per_request, shape: Shape::default() })
}

fn load_of_trace(shop: &Shop, signal: Signal, number: u64) -> usize {
    let trace = shop.trace(number);
    if signal == Signal::Spans { trace.spans.len() } else { trace.logs.len() }
}

/// How many of the shop's traces such a load holds, and records, without making its requests.
pub fn extent(shop: &Shop, signal: Signal, records: usize) -> (u64, usize) {
    let (mut traces, mut gathered) = (0, 0);
    while gathered < records {
        gathered += load_of_trace(shop, signal, traces);
        traces += 1;
    }
    (traces, gathered)
}

fn gather<R>(
    shop: &Shop,
    part: Part,
    mut records_of: impl FnMut(ShopTrace) -> Vec<(ServiceIndex, R)>,
    encode: impl Fn(ServiceIndex, Vec<R>) -> Bytes,
) -> Load {
    let Part { signal, first_trace, records, per_request, .. } = part;
    let mut waiting: Vec<Vec<R>> = (0..Shop::SERVICES.len()).map(|_| Vec::new()).collect();
    let mut load = Load { requests: Vec::new(), records: 0, traces: 0 };
    let push = |load: &mut Load, service: ServiceIndex, full: Vec<R>| {
        let records = full.len();
        load.records += records;
        load.requests.push(Request { signal, service, records, body: encode(service, full) });
    };
    let mut gathered = 0;
    while gathered < records {
        for (service, record) in records_of(shop.trace(first_trace + load.traces)) {
            gathered += 1;
            waiting[service.0].push(record);
            if waiting[service.0].len() == per_request {
                let full = std::mem::take(&mut waiting[service.0]);
                push(&mut load, service, full);
            }
        }
        load.traces += 1;
    }
    for (service, rest) in waiting.into_iter().enumerate().filter(|(_, rest)| !rest.is_empty()) {
        push(&mut load, ServiceIndex(service), rest);
    }
    load
}
