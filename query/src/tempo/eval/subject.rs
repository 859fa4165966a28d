//! One span as expressions see it, and the values that its attributes and intrinsics have.

use std::borrow::Cow;

use spandrel_store::otlp::{KeyValue, Span};
use spandrel_store::record::SpanExt;
use spandrel_store::record::value::visit_leaves;
use spandrel_store::{Record, SpanId, TraceId};

use super::trace::Trace;
use super::value::Value;
use crate::language::traceql::{Attribute, Intrinsic, Kind, Of, Scope, Status};

/// A span, in its trace where the question needs it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub record: &'a Record,
    pub span: &'a Span,
    pub place: Option<(&'a Trace, usize)>,
}

type Visit<'v> = &'v mut dyn FnMut(Value<'_>) -> bool;

impl<'a> Subject<'a> {
    /// `None` for a log.
    pub fn alone(record: &'a Record) -> Option<Subject<'a>> {
        Some(Subject { record, span: record.span()?, place: None })
    }

    pub fn in_trace(trace: &'a Trace, index: usize) -> Option<Subject<'a>> {
        let record = &trace.spans.get(index)?.record;
        Some(Subject { record, span: record.span()?, place: Some((trace, index)) })
    }

    /// Visits the values until `visit` returns true, and returns whether it did. An attribute that is not
    /// there has the value nil.
    pub fn visit(&self, attribute: &Attribute, visit: Visit<'_>) -> bool {
        let mut any = false;
        let mut noting = |value: Value<'_>| {
            any = true;
            visit(value)
        };
        let stopped = match &attribute.of {
            Of::Intrinsic(intrinsic) => self.intrinsic(*intrinsic, &mut noting),
            Of::ParentIntrinsic(intrinsic) => {
                self.parent().is_some_and(|parent| parent.intrinsic(*intrinsic, &mut noting))
            }
            Of::Named { scope, parent: false, name } => self.named(*scope, name, &mut noting),
            Of::Named { scope, parent: true, name } => {
                self.parent().is_some_and(|parent| parent.named(*scope, name, &mut noting))
            }
        };
        stopped || (!any && visit(Value::Nil))
    }

    fn parent(&self) -> Option<Subject<'a>> {
        let (trace, index) = self.place?;
        Subject::in_trace(trace, trace.spans[index].parent?)
    }

    fn named(&self, scope: Scope, name: &str, visit: Visit<'_>) -> bool {
        match scope {
            Scope::Span => leaves(&self.span.attributes, name, visit),
            Scope::Resource => leaves(self.record.resource.attributes(), name, visit),
            Scope::Instrumentation => leaves(self.record.scope.attributes(), name, visit),
            Scope::Link => self.span.links.iter().any(|link| leaves(&link.attributes, name, visit)),
            Scope::Event => self.span.events.iter().any(|event| {
                let mut found = false;
                let stopped = leaves(&event.attributes, name, &mut |value| {
                    found = true;
                    visit(value)
                });
                // `event.name` is how Grafana's form spells the name of an event.
                stopped || (!found && name == "name" && visit(text(&event.name)))
            }),
            Scope::None => {
                let scopes = [Scope::Span, Scope::Resource, Scope::Event, Scope::Instrumentation];
                for scope in scopes {
                    let mut found = false;
                    let named = |visit: Visit<'_>| match scope {
                        // What has no scope is no event's name.
                        Scope::Event => {
                            self.span.events.iter().any(|event| leaves(&event.attributes, name, visit))
                        }
                        scope => self.named(scope, name, visit),
                    };
                    let stopped = named(&mut |value| {
                        found = true;
                        visit(value)
                    });
                    if found || stopped {
                        return stopped;
                    }
                }
                false
            }
        }
    }

    fn intrinsic(&self, intrinsic: Intrinsic, visit: Visit<'_>) -> bool {
        let span = self.span;
        let value = match intrinsic {
            Intrinsic::Duration => Value::Duration(as_int(span.duration_ns())),
            Intrinsic::Name => text(&span.name),
            Intrinsic::Status => Value::Status(status(span)),
            Intrinsic::StatusMessage => text(span.status_message()),
            Intrinsic::Kind => Value::Kind(kind(span)),
            Intrinsic::TraceId => match self.record.trace_id() {
                Some(id) => Value::Text(Cow::Owned(id.to_string())),
                None => return false,
            },
            Intrinsic::SpanId => match self.record.span_id() {
                Some(id) => Value::Text(Cow::Owned(id.to_string())),
                None => return false,
            },
            Intrinsic::ParentId | Intrinsic::Parent => match span.parent() {
                Some(id) => Value::Text(Cow::Owned(id.to_string())),
                None => return false,
            },
            Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => {
                let Some(scope) = &self.record.scope.scope else { return false };
                let name = match intrinsic {
                    Intrinsic::InstrumentationName => &scope.name,
                    _ => &scope.version,
                };
                if name.is_empty() {
                    return false;
                }
                text(name)
            }
            Intrinsic::EventName => return span.events.iter().any(|event| visit(text(&event.name))),
            Intrinsic::EventTimeSinceStart => {
                let since = |time: u64| as_int(time).saturating_sub(as_int(span.start_time_unix_nano));
                return span.events.iter().any(|event| visit(Value::Duration(since(event.time_unix_nano))));
            }
            Intrinsic::LinkTraceId => {
                let mut ids = span.links.iter().filter_map(|link| TraceId::from_otlp(&link.trace_id));
                return ids.any(|id| visit(Value::Text(Cow::Owned(id.to_string()))));
            }
            Intrinsic::LinkSpanId => {
                let mut ids = span.links.iter().filter_map(|link| SpanId::from_otlp(&link.span_id));
                return ids.any(|id| visit(Value::Text(Cow::Owned(id.to_string()))));
            }
            Intrinsic::NestedSetParent if span.parent().is_none() => Value::Int(-1),
            intrinsic => match self.of_trace(intrinsic) {
                Some(value) => value,
                None => return false,
            },
        };
        visit(value)
    }

    /// What only the trace knows.
    fn of_trace(&self, intrinsic: Intrinsic) -> Option<Value<'a>> {
        let (trace, index) = self.place?;
        let node = &trace.spans[index];
        Some(match intrinsic {
            Intrinsic::NestedSetLeft => Value::Int(node.left),
            Intrinsic::NestedSetRight => Value::Int(node.right),
            // A parent that is named and missing has no number.
            Intrinsic::NestedSetParent => {
                Value::Int(node.parent.map_or(0, |parent| trace.spans[parent].left))
            }
            Intrinsic::ChildCount => Value::Int(node.children.len() as i64),
            Intrinsic::RootName => text(trace.root()?.record.span().map_or("", |span| &span.name)),
            Intrinsic::RootService => text(trace.root()?.record.service()),
            Intrinsic::TraceDuration => Value::Duration(as_int(trace.duration_ns())),
            _ => return None,
        })
    }
}

fn leaves(attributes: &[KeyValue], name: &str, visit: Visit<'_>) -> bool {
    visit_leaves(attributes, name, &mut |value| visit(Value::of_attribute(value)))
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn as_int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub fn status(span: &Span) -> Status {
    match span.status.as_ref().map_or(0, |status| status.code) {
        1 => Status::Ok,
        2 => Status::Error,
        _ => Status::Unset,
    }
}

pub fn kind(span: &Span) -> Kind {
    match span.kind {
        1 => Kind::Internal,
        2 => Kind::Server,
        3 => Kind::Client,
        4 => Kind::Producer,
        5 => Kind::Consumer,
        _ => Kind::Unspecified,
    }
}
