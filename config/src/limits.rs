//! Every bound of the program, in one place, each with its unit and its reason.
//!
//! A new field also needs its line in [`Limits::read`] (the compiler insists), in `config/spandrel.yaml` and in
//! `docs/guide/configuration.md` (tests insist).

use std::time::Duration;

use crate::ByteSize;
use crate::section::Section;
use crate::validate::MEMORY_MIN;

/// `limits` in the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Memory of the program's own, without pages of files, that taking in stays within, whatever is sent.
    pub memory: ByteSize,
    /// A request body, both as it comes and after decompression. Beyond: 413 / INVALID_ARGUMENT.
    pub request_bytes_max: ByteSize,
    /// Open connections per listener; more wait in the kernel's backlog.
    pub connections_max: usize,
    /// Time a client, or a peer that asks, has to send a request once begun, and to take some more of its answer, so that
    /// slow ones don't hold memory.
    pub request_timeout: Duration,
    /// Attributes kept on one record, resource or scope, nested ones counted; more are cut and counted.
    pub attributes_max: usize,
    /// Bytes kept of one string value or message; more is cut and counted.
    pub string_bytes_max: ByteSize,
    /// Levels of nested maps and arrays kept in one value; deeper ones are cut and counted.
    pub nesting_max: usize,
    /// Bytes of one line of a text or JSON-lines input; the rest of a longer one is cut and counted.
    pub line_bytes_max: ByteSize,
    /// Bytes of lines that are kept at once, so that a large body of lines never unfolds as a whole.
    pub line_batch_bytes_max: ByteSize,
    /// The longest that a line of a stream waits for others before it is kept.
    pub line_batch_delay: Duration,
    /// Lines of one record, such as a stack trace; what follows is a record of its own.
    pub record_lines_max: usize,
    /// The longest that a line of a stream waits for another that belongs to it.
    pub record_lines_delay: Duration,
    /// Open connections of a socket that takes lines; each may hold a batch of them.
    pub line_connections_max: usize,
    /// The longest that a connection of syslog or the forward protocol may be silent; then others have its place.
    pub line_idle_timeout: Duration,
    /// Checkpoints that are kept, one for each file that is followed; more files are not.
    pub checkpoints_max: usize,
    /// Files held open at once; the others that are followed are opened when something is written to them.
    pub files_open_max: usize,
    /// Time a request waits for memory that others hold before it is refused as overload.
    pub admission_wait: Duration,
    /// Bytes of one partition at most; retention deletes whole ones. A tenth of the byte limit if that is less.
    pub partition_bytes_max: ByteSize,
    /// Records of one trace in an answer; beyond it the answer is cut and says so.
    pub trace_records_max: usize,
    /// Items of a list in an answer, whatever `limit` asks for.
    pub list_max: usize,
    /// Time that one question may take.
    pub query_timeout: Duration,
    /// Time that a peer has for one answer; large ones get a second more for each MiB that has come.
    pub peer_timeout: Duration,
    /// Bytes of one peer's answer to one question; larger ones are not taken.
    pub peer_answer_bytes_max: ByteSize,
    /// Bytes of peers' answers held at once, over all questions; beyond it peers count as busy. As many of this sidecar's
    /// own, until they are written.
    pub answers_bytes_max: ByteSize,
    /// Bytes of one answer made of records, lines or spans; a longer page is cut short, other answers are refused.
    pub answer_bytes_max: ByteSize,
    /// Peers asked, and peers remembered that are gone; more are not.
    pub peers_max: usize,
    /// Questions that run at once on this sidecar's own records; more wait for their turn.
    pub queries_max: usize,
    /// Questions that are with peers at once, each with all of them; more wait for their turn.
    pub peer_questions_max: usize,
    /// Bytes of the text of one question.
    pub query_bytes_max: usize,
    /// Clauses, nesting included, of one question.
    pub query_clauses_max: usize,
    /// Groups times buckets of one histogram.
    pub histogram_points_max: usize,
    /// Traces that one question in TraceQL looks at as a whole; beyond it the question is refused.
    pub question_traces_max: usize,
    /// Spans that a sidecar holds at once for one service graph; of more, those of some traces stand for all.
    pub graph_spans_max: usize,
    /// Calls between sidecars of one service graph, counted at both ends, over all peers; of more, some stand for all.
    pub graph_ends_max: usize,
    /// Series of one answer to Loki's API; more are refused, as Loki does.
    pub series_max: usize,
    /// Numbers out of lines that one question in LogQL holds at once; more are refused.
    pub samples_max: usize,
    /// Operations, and calls between services, that `/metrics/traces` tells apart; more are counted as one.
    pub span_series_max: usize,
    /// Spans of calls between services that wait for the other side's; the oldest go first.
    pub half_edges_max: usize,
    /// Live tails at once.
    pub tails_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory: ByteSize::mib(128),
            request_bytes_max: ByteSize::mib(20),
            connections_max: 1_024,
            request_timeout: Duration::from_secs(30),
            attributes_max: 1_024,
            string_bytes_max: ByteSize::mib(1),
            nesting_max: 24,
            line_bytes_max: ByteSize::mib(1),
            line_batch_bytes_max: ByteSize::kib(512),
            line_batch_delay: Duration::from_millis(100),
            record_lines_max: 1_000,
            record_lines_delay: Duration::from_millis(200),
            line_connections_max: 64,
            line_idle_timeout: Duration::from_secs(3_600),
            checkpoints_max: 10_000,
            files_open_max: 512,
            admission_wait: Duration::from_millis(200),
            partition_bytes_max: ByteSize::mib(256),
            trace_records_max: 200_000,
            list_max: 10_000,
            query_timeout: Duration::from_secs(30),
            peer_timeout: Duration::from_millis(500),
            peer_answer_bytes_max: ByteSize::mib(64),
            answers_bytes_max: ByteSize::mib(128),
            answer_bytes_max: ByteSize::mib(64),
            peers_max: 1_000,
            queries_max: 8,
            peer_questions_max: 128,
            query_bytes_max: 16 << 10,
            query_clauses_max: 256,
            histogram_points_max: 100_000,
            question_traces_max: 100_000,
            graph_spans_max: 200_000,
            graph_ends_max: 400_000,
            series_max: 1_000,
            samples_max: 1_000_000,
            span_series_max: 2_000,
            half_edges_max: 20_000,
            tails_max: 64,
        }
    }
}

impl Limits {
    /// What records may take of `memory`, from the first byte of a request until they are in a committed index. The rest
    /// is for the program itself, its connections and the index (`make soak`).
    pub fn in_flight(&self) -> ByteSize {
        ByteSize(self.memory.0 / 8 * 5)
    }

    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        // Taken apart by name, so that a field cannot be forgotten here.
        let Limits {
            memory,
            request_bytes_max,
            connections_max,
            request_timeout,
            attributes_max,
            string_bytes_max,
            nesting_max,
            line_bytes_max,
            line_batch_bytes_max,
            line_batch_delay,
            record_lines_max,
            record_lines_delay,
            line_connections_max,
            line_idle_timeout,
            checkpoints_max,
            files_open_max,
            admission_wait,
            partition_bytes_max,
            trace_records_max,
            list_max,
            query_timeout,
            peer_timeout,
            peer_answer_bytes_max,
            answers_bytes_max,
            answer_bytes_max,
            peers_max,
            queries_max,
            peer_questions_max,
            query_bytes_max,
            query_clauses_max,
            histogram_points_max,
            question_traces_max,
            graph_spans_max,
            graph_ends_max,
            series_max,
            samples_max,
            span_series_max,
            half_edges_max,
            tails_max,
        } = self;
        read_memory(section, memory);
        section.set("request_bytes_max", request_bytes_max);
        section.set("connections_max", connections_max);
        section.set_above_zero("request_timeout", request_timeout);
        section.set("attributes_max", attributes_max);
        section.set("string_bytes_max", string_bytes_max);
        section.set("nesting_max", nesting_max);
        section.set("line_bytes_max", line_bytes_max);
        section.set("line_batch_bytes_max", line_batch_bytes_max);
        section.set("line_batch_delay", line_batch_delay);
        section.set("record_lines_max", record_lines_max);
        section.set("record_lines_delay", record_lines_delay);
        section.set("line_connections_max", line_connections_max);
        section.set_above_zero("line_idle_timeout", line_idle_timeout);
        section.set("checkpoints_max", checkpoints_max);
        section.set("files_open_max", files_open_max);
        section.set("admission_wait", admission_wait);
        section.set("partition_bytes_max", partition_bytes_max);
        section.set("trace_records_max", trace_records_max);
        section.set("list_max", list_max);
        section.set_above_zero("query_timeout", query_timeout);
        section.set_above_zero("peer_timeout", peer_timeout);
        section.set("peer_answer_bytes_max", peer_answer_bytes_max);
        section.set("answers_bytes_max", answers_bytes_max);
        section.set("answer_bytes_max", answer_bytes_max);
        section.set("peers_max", peers_max);
        section.set("queries_max", queries_max);
        section.set("peer_questions_max", peer_questions_max);
        section.set("query_bytes_max", query_bytes_max);
        section.set("query_clauses_max", query_clauses_max);
        section.set("histogram_points_max", histogram_points_max);
        section.set("question_traces_max", question_traces_max);
        section.set("graph_spans_max", graph_spans_max);
        section.set("graph_ends_max", graph_ends_max);
        section.set("series_max", series_max);
        section.set("samples_max", samples_max);
        section.set("span_series_max", span_series_max);
        section.set("half_edges_max", half_edges_max);
        section.set("tails_max", tails_max);
    }
}

/// `auto` is the default, or half of what the cgroup allows if that is less: the kernel charges it with pages of the index
/// and with what waits in sockets too.
fn read_memory(section: &mut Section<'_, '_>, memory: &mut ByteSize) {
    let mut chosen: Option<ByteSize> = None;
    section.set("memory", &mut chosen);
    let half = section.memory_max().map(|max| ByteSize(max.0 / 2).max(MEMORY_MIN));
    let automatic = half.map_or(*memory, |half| half.min(*memory));
    *memory = chosen.unwrap_or(automatic);
}
