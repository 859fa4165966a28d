//! What a request's headers say about its body: the media type and the compression.

use ::http::HeaderMap;
use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, ORIGIN};

use crate::loki::PushForm;
use crate::refusal::Refusal;

/// How an OTLP body, and its answer, is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Identity,
    Gzip,
    /// Zlib, as the HTTP standard has it, or raw, as some clients have it.
    Deflate,
    Zstd,
    /// Snappy's block format, which Loki's clients have inside of what HTTP says.
    Snappy,
}

impl Encoding {
    pub(crate) fn of_otlp(headers: &HeaderMap) -> Result<Encoding, Refusal> {
        match media_type(headers).as_deref() {
            Some("application/x-protobuf" | "application/protobuf") => Ok(Encoding::Protobuf),
            Some("application/json") => Ok(Encoding::Json),
            sent => Err(Refusal::content_type(sent, "application/x-protobuf or application/json")),
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }
}

impl Compression {
    pub(crate) fn of_http(headers: &HeaderMap) -> Result<Compression, Refusal> {
        Compression::of_header(headers, &CONTENT_ENCODING)
    }

    pub(crate) fn of_grpc(headers: &HeaderMap) -> Result<Compression, Refusal> {
        Compression::of_header(headers, &HeaderName::from_static("grpc-encoding"))
    }

    /// Some of Loki's clients say here too that the body is in snappy's format, which it always is.
    pub(crate) fn of_loki(headers: &HeaderMap) -> Result<Compression, Refusal> {
        match headers.get(CONTENT_ENCODING) {
            Some(value) if value.as_bytes().eq_ignore_ascii_case(b"snappy") => Ok(Compression::Identity),
            _ => Compression::of_http(headers),
        }
    }

    fn of_header(headers: &HeaderMap, name: &HeaderName) -> Result<Compression, Refusal> {
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(Compression::Identity) };
        let word = value.to_str().unwrap_or("?").trim().to_ascii_lowercase();
        match word.as_str() {
            _ if values.next().is_some() => Err(Refusal::ContentEncoding),
            "" | "identity" => Ok(Compression::Identity),
            "gzip" | "x-gzip" => Ok(Compression::Gzip),
            "deflate" => Ok(Compression::Deflate),
            "zstd" => Ok(Compression::Zstd),
            _ => Err(Refusal::ContentEncoding),
        }
    }
}

/// Log lines come as JSON, as NDJSON under several names, or as text; their form is found in the body itself.
pub(crate) fn check_log_lines(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(media_type) = media_type(headers) else { return Ok(()) };
    let json = media_type.starts_with("application/") && media_type.contains("json");
    if json || media_type.starts_with("text/") {
        return Ok(());
    }
    Err(Refusal::content_type(Some(&media_type), "application/json, application/x-ndjson or text/plain"))
}

/// How a body for Loki's push API is written: protocol buffers, unless said otherwise.
pub(crate) fn loki_form(headers: &HeaderMap) -> Result<PushForm, Refusal> {
    match media_type(headers).as_deref() {
        Some("application/json") => Ok(PushForm::Json),
        None | Some("application/x-protobuf" | "application/protobuf") => Ok(PushForm::Protobuf),
        sent => Err(Refusal::content_type(sent, "application/x-protobuf or application/json")),
    }
}

/// `application/grpc`, with or without `+proto`.
pub(crate) fn check_grpc(headers: &HeaderMap) -> Result<(), Refusal> {
    match media_type(headers).as_deref() {
        Some("application/grpc" | "application/grpc+proto") => Ok(()),
        sent => Err(Refusal::content_type(sent, "application/grpc")),
    }
}

/// Browsers name the page that a request comes from, whatever its type, and nobody else does. They send a page's
/// text to any address without asking; so that no page writes into the store of whom it is shown to, such
/// requests are refused.
pub(crate) fn refuse_web_pages(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(ORIGIN) { Err(Refusal::WebPage) } else { Ok(()) }
}

/// The media type in lower case, without parameters; `None` where there is no header.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?;
    let text = value.to_str().unwrap_or("?");
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}
