//! Every bound of the program, in one place, each with its unit and its reason.

use std::time::Duration;

use crate::ByteSize;

/// `limits` in the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Memory that the program aims to stay within, 128 MiB or what the cgroup allows. Records in flight,
    /// the index's arena and query results are fractions of it.
    pub memory: ByteSize,
    /// A request body, both as it comes and after decompression. Beyond: 413 / INVALID_ARGUMENT.
    pub request_bytes_max: ByteSize,
    /// Open connections per listener; more wait in the kernel's backlog.
    pub connections_max: usize,
    /// Time a client has to send a request once begun, so that slow ones don't hold memory.
    pub request_timeout: Duration,
    /// Attributes kept on one record, resource or scope, nested ones counted; more are cut and counted.
    pub attributes_max: usize,
    /// Bytes kept of one string value or message; more is cut and counted.
    pub string_bytes_max: ByteSize,
    /// Levels of nested maps and arrays kept in one value; deeper ones are cut and counted.
    pub nesting_max: usize,
    /// Bytes of one line of a text or JSON-lines input; the rest of a longer one is cut and counted.
    pub line_bytes_max: ByteSize,
    /// Records of one trace in an answer; beyond it the answer is cut and says so.
    pub trace_records_max: usize,
    /// Items of a list in an answer, whatever `limit` asks for.
    pub list_max: usize,
    /// Time that one question may take.
    pub query_timeout: Duration,
    /// Questions that run at once; more wait for their turn.
    pub queries_max: usize,
    /// Bytes of the text of one question.
    pub query_bytes_max: usize,
    /// Clauses, nesting included, of one question.
    pub query_clauses_max: usize,
    /// Groups times buckets of one histogram.
    pub histogram_points_max: usize,
    /// Live tails at once.
    pub tails_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory: ByteSize::mib(128),
            request_bytes_max: ByteSize::mib(20),
            connections_max: 4_096,
            request_timeout: Duration::from_secs(30),
            attributes_max: 1_024,
            string_bytes_max: ByteSize::mib(1),
            nesting_max: 32,
            line_bytes_max: ByteSize::mib(1),
            trace_records_max: 200_000,
            list_max: 10_000,
            query_timeout: Duration::from_secs(30),
            queries_max: 8,
            query_bytes_max: 16 << 10,
            query_clauses_max: 256,
            histogram_points_max: 100_000,
            tails_max: 64,
        }
    }
}
