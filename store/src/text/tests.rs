use super::*;

fn glob(pattern: &str, text: &str) -> bool {
    Glob::new(pattern).matches(text)
}

#[test]
fn a_star_stands_for_any_run_and_a_question_mark_for_one_character() {
    assert!(glob("GET*", "GET /orders"));
    assert!(glob("*orders", "GET /orders"));
    assert!(glob("G*T*/o?ders", "GET /orders"));
    assert!(glob("*", ""));
    assert!(glob("a?c", "aüc"));
    assert!(!glob("GET", "GET /orders"));
    assert!(!glob("a?c", "ac"));
    assert!(!glob("a*b", "acd"));
    assert!(glob(r"a\*b", "a*b"));
    assert!(!glob(r"a\*b", "axb"));
}

#[test]
fn a_hostile_pattern_ends_soon() {
    assert!(!glob(&"*a".repeat(40), &"a".repeat(39)));
    assert!(!glob(&"a*".repeat(200), &"b".repeat(10_000)));
}

#[test]
fn words_are_runs_of_letters_and_digits_in_lower_case() {
    let found: Vec<String> = words("Connection-pool EXHAUSTED: größe=3").collect();
    assert_eq!(found, ["connection", "pool", "exhausted", "größe", "3"]);
}

#[test]
fn a_phrase_is_words_in_a_row() {
    let phrase = |text: &str| words(text).collect::<Vec<_>>();
    assert!(contains_phrase("the connection pool is exhausted", &phrase("connection pool")));
    assert!(!contains_phrase("the pool of connection", &phrase("connection pool")));
    assert!(contains_phrase("anything", &[]));
}

proptest::proptest! {
    #[test]
    fn words_are_the_same_visited_or_gathered(text in "[a-zA-Z0-9 .:/ÄßİσΣ-]{0,40}") {
        let mut visited = Vec::new();
        visit_words(&text, &mut String::new(), &mut |word| visited.push(word.to_owned()));
        proptest::prop_assert_eq!(visited, words(&text).collect::<Vec<_>>());
    }
}
