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

/// Resident bytes of the program's file, and those of them that are no copies of pages that were written to.
fn resident_of_program() -> u64 {
    let process = Process::myself().unwrap();
    let file = MMapPath::Path(process.exe().unwrap());
    let maps = process.smaps().unwrap();
    maps.iter().filter(|map| map.pathname == file).map(|map| map.extension.map["Rss"]).sum()
}

#[test]
fn the_program_runs_on_after_its_code_was_let_go_of() {
    let before = resident_of_program();
    let_go_of_program().unwrap();
    let after = resident_of_program();
    assert!(after < before, "{before} bytes before, {after} after");
}
