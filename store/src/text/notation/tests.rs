use proptest::prelude::*;

use super::Glob;

proptest! {
    #[test]
    fn a_pattern_that_was_written_is_read_as_the_same(pattern in r"[a-zÄ*?\\ .]{0,20}") {
        let glob = Glob::new(&pattern);
        prop_assert_eq!(Glob::new(&glob.to_string()), glob);
    }
}
