//! The stored bytes of a document, without the copy that tantivy makes of them byte by byte.

use bytes::Bytes;
use tantivy::schema::Value as _;
use tantivy::store::StoreReader;
use tantivy::{DocId, TantivyDocument};

use super::schema::Fields;
use crate::stored::Undecodable;

/// What the `stored` field of a document holds.
pub(super) fn stored_bytes(store: &StoreReader, document: DocId, fields: &Fields) -> tantivy::Result<Bytes> {
    let whole = Bytes::from_owner(store.get_document_bytes(document)?);
    if let Some(bytes) = only_value(&whole) {
        return Ok(bytes);
    }
    let document: TantivyDocument = store.get(document)?;
    let bytes = document.get_first(fields.stored).and_then(|value| value.as_bytes());
    Ok(Bytes::copy_from_slice(bytes.ok_or_else(|| Undecodable::new("a document holds nothing"))?))
}

/// A document of one value is: the count 1, the field, its type, the length, the bytes. Numbers have seven bits to a
/// byte, and the last of them the eighth.
fn only_value(document: &Bytes) -> Option<Bytes> {
    const LAST: u8 = 0x80;
    let [count, _, _, _, _, _, rest @ ..] = document.as_ref() else { return None };
    let mut length = 0usize;
    for (index, byte) in rest.iter().take(5).enumerate() {
        length |= usize::from(byte & !LAST) << (7 * index);
        if byte & LAST != 0 {
            let bytes = &rest[index + 1..];
            return (*count == LAST | 1 && bytes.len() == length).then(|| document.slice_ref(bytes));
        }
    }
    None
}

#[cfg(test)]
mod tests;
