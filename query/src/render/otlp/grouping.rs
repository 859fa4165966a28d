//! Records of equal resources put together, and of equal scopes within; groups and records keep the order
//! in which they first came.
//!
//! Equal is what encodes to the same bytes, so that a NaN is equal to itself. A context that several records
//! share by pointer is encoded once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use prost::Message;
use spandrel_store::{Record, ResourceContext, ScopeContext};

/// Records of one resource, by scope.
pub(super) struct ResourceGroup<'a> {
    pub(super) resource: &'a ResourceContext,
    pub(super) scopes: Vec<ScopeGroup<'a>>,
}

pub(super) struct ScopeGroup<'a> {
    pub(super) scope: &'a ScopeContext,
    pub(super) records: Vec<&'a Record>,
}

pub(super) fn by_resource<'a>(records: &[&'a Record]) -> Vec<ResourceGroup<'a>> {
    let (mut resources, mut scopes) = (Contexts::default(), Contexts::default());
    let mut groups: Vec<ResourceGroup<'a>> = Vec::new();
    let mut places: HashMap<(usize, usize), (usize, usize)> = HashMap::new();
    let mut group_of: HashMap<usize, usize> = HashMap::new();
    for record in records {
        let resource = resources.number(Arc::as_ptr(&record.resource), || resource_key(&record.resource));
        let scope = scopes.number(Arc::as_ptr(&record.scope), || scope_key(&record.scope));
        let (group, place) = *places.entry((resource, scope)).or_insert_with(|| {
            let group = *group_of.entry(resource).or_insert_with(|| {
                groups.push(ResourceGroup { resource: &record.resource, scopes: Vec::new() });
                groups.len() - 1
            });
            groups[group].scopes.push(ScopeGroup { scope: &record.scope, records: Vec::new() });
            (group, groups[group].scopes.len() - 1)
        });
        groups[group].scopes[place].records.push(record);
    }
    groups
}

/// Numbers contexts so that equal ones have the same number.
struct Contexts<P> {
    by_pointer: HashMap<P, usize>,
    by_key: HashMap<Vec<u8>, usize>,
}

impl<P> Default for Contexts<P> {
    fn default() -> Self {
        Contexts { by_pointer: HashMap::new(), by_key: HashMap::new() }
    }
}

impl<P: Eq + Hash> Contexts<P> {
    fn number(&mut self, pointer: P, key: impl FnOnce() -> Vec<u8>) -> usize {
        let by_key = &mut self.by_key;
        *self.by_pointer.entry(pointer).or_insert_with(|| {
            let next = by_key.len();
            *by_key.entry(key()).or_insert(next)
        })
    }
}

/// The encoded message with its length first, so that what follows cannot be taken for a part of it; nothing
/// for a message that is not there, which is other than an empty one.
fn resource_key(context: &ResourceContext) -> Vec<u8> {
    let mut key = context.resource.as_ref().map(Message::encode_length_delimited_to_vec).unwrap_or_default();
    key.push(0xff);
    key.extend_from_slice(context.schema_url.as_bytes());
    key
}

fn scope_key(context: &ScopeContext) -> Vec<u8> {
    let scope: Option<&InstrumentationScope> = context.scope.as_ref();
    let mut key = scope.map(Message::encode_length_delimited_to_vec).unwrap_or_default();
    key.push(0xff);
    key.extend_from_slice(context.schema_url.as_bytes());
    key
}
