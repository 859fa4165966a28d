use super::*;

#[test]
fn the_option_that_is_set_is_the_purge_delay() {
    // By its default the delay is a second; no other option of mimalloc is 1000 until it is set.
    #[allow(unsafe_code, reason = "mimalloc's options have no safe binding")]
    let before = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
    configure();
    #[allow(unsafe_code, reason = "mimalloc's options have no safe binding")]
    let after = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
    assert_eq!((before, after), (1000, PURGE_DELAY_MS));
}
