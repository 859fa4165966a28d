//! What a line costs from bytes to a record, in µs of CPU, for `spandrel-bench lines`.
//!
//! A process of its own because it has the program's allocator. `spandrel-bench` has the C library's, with which a
//! *decode*, the yardstick of the targets, takes about twice as long.

#![allow(clippy::print_stdout, reason = "it tells its figure so")]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let seed = std::env::args().nth(1).map_or(Ok(1), |seed| seed.parse())?;
    println!("{:.3}", spandrel_bench::lines::micros_of_understanding(seed)?);
    Ok(())
}
