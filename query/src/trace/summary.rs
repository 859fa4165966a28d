//! A trace in one line, for lists.

use serde::Serialize;
use utoipa::ToSchema;

use super::TraceView;
use crate::render::time::Rfc3339;

/// What a list of traces says of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TraceSummary {
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: String,
    /// The span that began it; null where it is not there.
    #[schema(required)]
    pub root: Option<Root>,
    /// Sorted.
    pub services: Vec<String>,
    #[schema(value_type = Option<String>, required)]
    pub start: Option<Rfc3339>,
    pub duration_ns: u64,
    pub spans: u64,
    pub logs: u64,
    /// As many as the trace's errors answer lists.
    pub errors: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Root {
    pub service: String,
    pub name: String,
}

impl TraceView {
    pub fn summary(&self) -> TraceSummary {
        let extent = self.extent();
        let root = self.root().map(|node| Root {
            service: node.view.record.service().to_owned(),
            name: node.span().name.clone(),
        });
        TraceSummary {
            trace_id: self.trace_id.to_string(),
            root,
            services: self.services(),
            start: extent.map(|(start, _)| Rfc3339(start)),
            duration_ns: extent.map_or(0, |(start, end)| end.0 - start.0),
            spans: self.spans.len() as u64,
            logs: self.logs.len() as u64,
            errors: super::errors::find(self).len() as u64,
        }
    }
}
