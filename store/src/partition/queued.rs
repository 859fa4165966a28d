//! A document on its way into the index. tantivy's queue has places for forty thousand of them, all of which are
//! written when it is made: with the documents themselves in it, these were 2.4 MB of an idle program.

use tantivy::TantivyDocument;
use tantivy::schema::Document;

pub(super) struct Queued(Box<TantivyDocument>);

impl From<TantivyDocument> for Queued {
    fn from(document: TantivyDocument) -> Queued {
        Queued(Box::new(document))
    }
}

impl Document for Queued {
    type Value<'a> = <TantivyDocument as Document>::Value<'a>;
    type FieldsValuesIter<'a> = <TantivyDocument as Document>::FieldsValuesIter<'a>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        self.0.iter_fields_and_values()
    }

    fn into_tantivy_document(self) -> TantivyDocument {
        *self.0
    }
}
