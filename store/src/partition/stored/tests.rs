use tantivy::{Index, IndexWriter};

use super::*;

#[test]
fn what_was_stored_is_read_the_short_way_whatever_its_length() {
    let fields = Fields::new();
    let index = Index::create_in_ram(fields.schema.clone());
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 15_000_000).unwrap();
    let lengths = [0, 1, 127, 128, 129, 16_383, 16_384, 2_100_000];
    for length in lengths {
        let mut document = TantivyDocument::new();
        document.add_u64(fields.least, 7);
        document.add_bytes(fields.terms, b"not stored");
        document.add_bytes(fields.stored, &vec![length as u8; length]);
        writer.add_document(document).unwrap();
    }
    writer.commit().unwrap();
    let searcher = index.reader().unwrap().searcher();
    let store = searcher.segment_reader(0).get_store_reader(1).unwrap();
    for (document, length) in (0..).zip(lengths) {
        let whole = Bytes::from_owner(store.get_document_bytes(document).unwrap());
        assert_eq!(only_value(&whole).unwrap(), vec![length as u8; length]);
        assert_eq!(stored_bytes(&store, document, &fields).unwrap(), vec![length as u8; length]);
        assert_eq!(only_value(&whole.slice(..whole.len().saturating_sub(1))), None);
    }
}
