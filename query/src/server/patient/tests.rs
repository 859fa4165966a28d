use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);
const HELD_BYTES: usize = 64;

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_given_up_after_a_while() {
    let (near, _far) = tokio::io::duplex(HELD_BYTES);
    let mut near = Patient::new(near, PATIENCE);
    near.write_all(&[0; HELD_BYTES]).await.unwrap();
    let begun = tokio::time::Instant::now();
    let error = near.write_all(&[0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(begun.elapsed() >= PATIENCE && begun.elapsed() < 2 * PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_merely_slow_gets_everything() {
    const PIECES: usize = 20;
    let (near, mut far) = tokio::io::duplex(HELD_BYTES);
    let mut near = Patient::new(near, PATIENCE);
    let writing = async { near.write_all(&[7; PIECES * HELD_BYTES]).await };
    let reading = async {
        let mut piece = [0; HELD_BYTES];
        for _ in 0..PIECES {
            tokio::time::sleep(PATIENCE / 2).await;
            far.read_exact(&mut piece).await?;
            assert_eq!(piece, [7; HELD_BYTES]);
        }
        io::Result::Ok(())
    };
    let (written, read) = tokio::join!(writing, reading);
    written.and(read).unwrap();
}
