//! Which services a partition has records of, by its dictionaries of terms alone.

use std::collections::BTreeMap;

use super::PartitionView;
use super::block::ROWS;
use super::dictionary::visit_terms;
use super::schema::read_origin_term;

impl PartitionView {
    /// Adds the services, some of them several times, with about how many records they have; an empty name for those that
    /// name none. A partition that cannot be read has nothing to tell, and is a gap.
    pub fn services(&self, add: &mut dyn FnMut(&str, u64)) {
        self.read(|| {
            for reader in self.searcher.segment_readers() {
                let index = reader.inverted_index(self.fields.origin)?;
                // A block has records of several scopes and facets, which are not to be counted one by one.
                let mut blocks: BTreeMap<&str, u32> = BTreeMap::new();
                visit_terms(&index, b"", &mut |term, info| {
                    // What is no origin is nobody's.
                    let Ok(number) = term.try_into() else { return Ok(()) };
                    let (context, _) = read_origin_term(u64::from_be_bytes(number));
                    if let Some(context) = self.contexts.get(context as usize) {
                        let most = blocks.entry(context.resource.service()).or_default();
                        *most = info.doc_freq.max(*most);
                    }
                    Ok(())
                })?;
                for (service, blocks) in blocks {
                    add(service, u64::from(blocks) * ROWS as u64);
                }
            }
            Ok(())
        });
    }
}
