//! What happens in one request, told in order: services are called, time passes, things fail. Out comes a
//! [`Plan`] of spans and logs that the senders play to the real exporters.
//!
//! Times are counted from the start of the request, ids come from the seeded generator: the same seed tells
//! the same story.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};

use super::shop::Service;

#[derive(Debug)]
pub struct Plan {
    pub trace_id: TraceId,
    pub spans: Vec<PlannedSpan>,
    pub logs: Vec<PlannedLog>,
}

#[derive(Debug)]
pub struct PlannedSpan {
    pub id: SpanId,
    /// Place of the parent in [`Plan::spans`].
    pub parent: Option<usize>,
    pub service: Service,
    pub name: String,
    pub kind: SpanKind,
    pub start: Duration,
    pub end: Duration,
    pub attributes: Vec<KeyValue>,
    pub failure: Option<String>,
    pub exceptions: Vec<PlannedException>,
    /// Places of the spans that it links to.
    pub links: Vec<usize>,
}

#[derive(Debug, Clone)]
pub struct PlannedException {
    pub at: Duration,
    pub kind: &'static str,
    pub message: String,
    pub stack: String,
}

#[derive(Debug)]
pub struct PlannedLog {
    pub span: usize,
    pub at: Duration,
    pub level: Level,
    pub message: String,
    pub attributes: Vec<KeyValue>,
    pub exception: Option<PlannedException>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

pub struct Story<'a> {
    pub random: &'a mut fastrand::Rng,
    plan: Plan,
    now: Duration,
    /// Spans that are open, innermost last.
    open: Vec<usize>,
}

impl<'a> Story<'a> {
    pub fn new(random: &'a mut fastrand::Rng) -> Story<'a> {
        let trace_id = TraceId::from(random.u128(1..));
        let plan = Plan { trace_id, spans: Vec::new(), logs: Vec::new() };
        Story { random, plan, now: Duration::ZERO, open: Vec::new() }
    }

    pub fn end(self) -> Plan {
        self.plan
    }

    /// Lets time pass, within a fifth around this many milliseconds.
    pub fn spend(&mut self, about_ms: u64) {
        let about_us = about_ms * 1_000;
        self.now += Duration::from_micros(self.random.u64(about_us * 4 / 5..=about_us * 6 / 5));
    }

    /// Lets exactly this long pass: a timeout.
    pub fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    /// Something that a service does, from its beginning to its end. Gives its place.
    pub fn work(
        &mut self,
        service: Service,
        kind: SpanKind,
        name: &str,
        within: impl FnOnce(&mut Story<'a>),
    ) -> usize {
        let place = self.plan.spans.len();
        self.plan.spans.push(PlannedSpan {
            id: SpanId::from(self.random.u64(1..)),
            parent: self.open.last().copied(),
            service,
            name: name.to_owned(),
            kind,
            start: self.now,
            end: self.now,
            attributes: Vec::new(),
            failure: None,
            exceptions: Vec::new(),
            links: Vec::new(),
        });
        self.open.push(place);
        within(self);
        self.open.pop();
        self.now += Duration::from_micros(self.random.u64(40..200));
        self.plan.spans[place].end = self.now;
        place
    }

    /// What another span sets off and nobody waits for: time stands still for the one who tells.
    pub fn aside(&mut self, parent: usize, within: impl FnOnce(&mut Story<'a>)) {
        let (now, open) = (self.now, std::mem::replace(&mut self.open, vec![parent]));
        within(self);
        (self.now, self.open) = (now, open);
    }

    /// An HTTP call as both ends see it: a client span in the service that is speaking, a server span in the
    /// one that is called. `within` gives the status that is answered.
    pub fn call(
        &mut self,
        called: Service,
        method: &str,
        route: &str,
        within: impl FnOnce(&mut Story<'a>) -> u16,
    ) -> u16 {
        let mut status = 0;
        let caller = self.service();
        self.work(caller, SpanKind::Client, method, |story| {
            story.set("http.request.method", method.to_owned());
            story.set("server.address", called.name());
            story.set("url.full", format!("http://{}:8080{route}", called.name()));
            story.hop();
            status = story.serve(called, method, route, within);
            story.hop();
            story.answered(status);
            if status >= 500 {
                story.fail("");
            }
        });
        status
    }

    /// The server's end of an HTTP call.
    pub fn serve(
        &mut self,
        service: Service,
        method: &str,
        route: &str,
        within: impl FnOnce(&mut Story<'a>) -> u16,
    ) -> u16 {
        let mut status = 0;
        self.work(service, SpanKind::Server, &format!("{method} {route}"), |story| {
            story.set("http.request.method", method.to_owned());
            story.set("http.route", route.to_owned());
            story.set("url.path", route.to_owned());
            status = within(story);
            story.answered(status);
            if status >= 500 {
                story.fail("");
            }
        });
        status
    }

    /// A query of the speaking service's own database.
    pub fn query(&mut self, statement: &str, about_ms: u64) {
        let service = self.service();
        let operation = statement.split(' ').next().unwrap_or(statement);
        self.work(service, SpanKind::Client, &format!("{operation} {}", service.name()), |story| {
            story.set("db.system.name", "postgresql");
            story.set("db.namespace", service.name());
            story.set("db.query.text", statement.to_owned());
            story.spend(about_ms);
        });
    }

    pub fn set(&mut self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        self.current().attributes.push(KeyValue::new(key, value));
    }

    /// The current span fails, with these words in its status.
    pub fn fail(&mut self, why: &str) {
        let span = self.current();
        if span.failure.is_none() {
            span.failure = Some(why.to_owned());
        }
    }

    /// An exception in the current span, as an event.
    pub fn raise(&mut self, kind: &'static str, message: &str, stack: &str) -> PlannedException {
        let exception =
            PlannedException { at: self.now, kind, message: message.to_owned(), stack: stack.to_owned() };
        self.current().exceptions.push(exception.clone());
        exception
    }

    pub fn link(&mut self, to: usize) {
        self.current().links.push(to);
    }

    pub fn log(&mut self, level: Level, message: impl Into<String>) -> &mut PlannedLog {
        let span = self.place();
        let log = PlannedLog {
            span,
            at: self.now,
            level,
            message: message.into(),
            attributes: Vec::new(),
            exception: None,
        };
        let at = self.plan.logs.len();
        self.plan.logs.push(log);
        &mut self.plan.logs[at]
    }

    /// The service that is speaking.
    pub fn service(&mut self) -> Service {
        self.current().service
    }

    fn answered(&mut self, status: u16) {
        self.set("http.response.status_code", i64::from(status));
        if status >= 500 {
            self.set("error.type", status.to_string());
        }
    }

    /// The network between two services.
    fn hop(&mut self) {
        self.now += Duration::from_micros(self.random.u64(200..900));
    }

    fn place(&self) -> usize {
        *self.open.last().expect("every step of a story happens within a span")
    }

    fn current(&mut self) -> &mut PlannedSpan {
        let place = self.place();
        &mut self.plan.spans[place]
    }
}

impl PlannedLog {
    pub fn with(&mut self, key: &'static str, value: impl Into<opentelemetry::Value>) -> &mut PlannedLog {
        self.attributes.push(KeyValue::new(key, value));
        self
    }
}
