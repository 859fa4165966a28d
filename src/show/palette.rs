//! A colour for each service, in the order in which they turn up, so that neighbours differ.

use std::collections::HashMap;

use super::Ink;

/// Colours of the 256-colour palette that are readable on black and on white, none of them red.
const COLOURS: [u8; 14] = [33, 71, 172, 133, 37, 99, 136, 67, 65, 173, 139, 30, 104, 143];

#[derive(Debug, Default)]
pub struct Palette {
    services: HashMap<String, u8>,
}

impl Palette {
    pub fn ink(&mut self, service: &str) -> Ink {
        let next = COLOURS[self.services.len() % COLOURS.len()];
        Ink::Service(*self.services.entry(service.to_owned()).or_insert(next))
    }
}
