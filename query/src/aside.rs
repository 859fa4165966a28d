//! Where an answer is put together: at once, or off the threads that serve connections. A trace may have 200,000
//! records; most have few.

/// Records that are put together sooner than another thread would have taken them over.
const RECORDS_OF_A_MOMENT: usize = 256;

/// The work broke off.
#[derive(Debug, thiserror::Error)]
#[error("the answer could not be put together")]
pub(crate) struct BrokenOff;

/// Does what there is to do with so many records.
pub(crate) async fn put_together<T: Send + 'static>(
    records: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BrokenOff> {
    match records <= RECORDS_OF_A_MOMENT {
        true => Ok(work()),
        false => tokio::task::spawn_blocking(work).await.map_err(|_| BrokenOff),
    }
}
