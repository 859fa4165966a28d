//! What every span or trace has of itself, by all of its names, and the keywords that are values of it.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Intrinsic {
    Duration,
    Name,
    Status,
    StatusMessage,
    Kind,
    ChildCount,
    Parent,
    NestedSetLeft,
    NestedSetRight,
    NestedSetParent,
    RootName,
    RootService,
    TraceDuration,
    TraceId,
    SpanId,
    ParentId,
    EventName,
    EventTimeSinceStart,
    LinkTraceId,
    LinkSpanId,
    InstrumentationName,
    InstrumentationVersion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Error,
    Ok,
    Unset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Unspecified,
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl Intrinsic {
    /// Every name of every intrinsic; the first of each is its own.
    pub const NAMES: [(&'static str, Intrinsic); 34] = [
        ("duration", Intrinsic::Duration),
        ("name", Intrinsic::Name),
        ("status", Intrinsic::Status),
        ("statusMessage", Intrinsic::StatusMessage),
        ("kind", Intrinsic::Kind),
        ("childCount", Intrinsic::ChildCount),
        ("parent", Intrinsic::Parent),
        ("nestedSetLeft", Intrinsic::NestedSetLeft),
        ("nestedSetRight", Intrinsic::NestedSetRight),
        ("nestedSetParent", Intrinsic::NestedSetParent),
        ("rootName", Intrinsic::RootName),
        ("rootServiceName", Intrinsic::RootService),
        ("traceDuration", Intrinsic::TraceDuration),
        ("trace:id", Intrinsic::TraceId),
        ("span:id", Intrinsic::SpanId),
        ("span:parentID", Intrinsic::ParentId),
        ("event:name", Intrinsic::EventName),
        ("event:timeSinceStart", Intrinsic::EventTimeSinceStart),
        ("link:traceID", Intrinsic::LinkTraceId),
        ("link:spanID", Intrinsic::LinkSpanId),
        ("instrumentation:name", Intrinsic::InstrumentationName),
        ("instrumentation:version", Intrinsic::InstrumentationVersion),
        ("trace:rootName", Intrinsic::RootName),
        ("trace:rootService", Intrinsic::RootService),
        ("trace:duration", Intrinsic::TraceDuration),
        ("span:duration", Intrinsic::Duration),
        ("span:name", Intrinsic::Name),
        ("span:status", Intrinsic::Status),
        ("span:statusMessage", Intrinsic::StatusMessage),
        ("span:kind", Intrinsic::Kind),
        ("span:childCount", Intrinsic::ChildCount),
        ("trace:traceID", Intrinsic::TraceId),
        ("link:traceId", Intrinsic::LinkTraceId),
        ("link:spanId", Intrinsic::LinkSpanId),
    ];

    pub fn named(name: &str) -> Option<Intrinsic> {
        Intrinsic::NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, intrinsic)| intrinsic)
    }

    pub fn name(self) -> &'static str {
        let own = Intrinsic::NAMES.into_iter().find(|(_, intrinsic)| *intrinsic == self);
        own.map_or("", |(name, _)| name)
    }

    /// Whether one span alone doesn't tell.
    pub fn needs_trace(self) -> bool {
        use Intrinsic::*;
        matches!(
            self,
            ChildCount
                | NestedSetLeft
                | NestedSetRight
                | NestedSetParent
                | RootName
                | RootService
                | TraceDuration
        )
    }
}

impl Status {
    pub const ALL: [(&'static str, Status); 3] =
        [("error", Status::Error), ("ok", Status::Ok), ("unset", Status::Unset)];
}

impl Kind {
    pub const ALL: [(&'static str, Kind); 6] = [
        ("unspecified", Kind::Unspecified),
        ("internal", Kind::Internal),
        ("server", Kind::Server),
        ("client", Kind::Client),
        ("producer", Kind::Producer),
        ("consumer", Kind::Consumer),
    ];
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Status::ALL.iter().find(|(_, status)| status == self).map_or("", |(name, _)| name))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Kind::ALL.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| name))
    }
}
