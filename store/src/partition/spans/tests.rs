use super::*;

fn id(n: u64) -> [u8; 8] {
    n.wrapping_mul(0xd134_2543_de82_ef95).to_be_bytes()
}

fn holds(words: &[u64], id: [u8; 8]) -> bool {
    bits(id, words.len()).all(|(word, bit)| words[word] & bit != 0)
}

#[test]
fn every_id_is_in_the_filter_and_few_others_are() {
    let ids: Vec<[u8; 8]> = (1..=128).map(id).collect();
    let words = filter(&ids);
    assert_eq!(words.len(), 16);
    assert!(ids.iter().all(|id| holds(&words, *id)));
    let strangers = (1_000..11_000).filter(|n| holds(&words, id(*n))).count();
    assert!(strangers < 500, "{strangers} of 10000");
}

#[test]
fn records_without_an_id_set_nothing() {
    assert_eq!(filter(&[[0; 8]; 9]), [0, 0]);
    assert!(filter(&[]).is_empty());
}
