use super::*;

fn scale(quick: bool) -> Scale {
    let (binary, work) = (PathBuf::new(), PathBuf::new());
    Scale { binary, work, seed: 1, quick, settings_of_most: Vec::new() }
}

#[test]
fn each_table_varies_one_thing_and_leaves_the_others_alone() {
    for varied in [Varied::Attributes, Varied::SpansPerTrace, Varied::DistinctValues, Varied::Connections] {
        for (label, plan) in scale(false).plans(varied) {
            assert_eq!((plan.records, plan.per_request, plan.rate), (SPANS, PER_REQUEST, None), "{label}");
        }
    }
    let shapes = scale(false).plans(Varied::Attributes).into_iter().map(|(_, plan)| plan.shape.attributes);
    assert_eq!(shapes.collect::<Vec<_>>(), [5, 20, 100].map(Some));
}

#[test]
fn small_requests_are_no_more_than_can_be_sent_in_a_while() {
    for (_, plan) in scale(false).plans(Varied::RequestSize) {
        assert!(plan.records / plan.per_request <= REQUESTS_MAX && plan.records <= SPANS);
    }
}

#[test]
fn only_the_most_that_is_held_is_in_smaller_partitions() {
    let settings = |quick| scale(quick).plans(Varied::Held).into_iter().map(|(_, plan)| plan.settings.len());
    assert_eq!(settings(false).collect::<Vec<_>>(), [0, 0, 2]);
    assert_eq!(settings(true).collect::<Vec<_>>(), [0, 0, 2]);
}

#[test]
fn a_row_that_failed_says_why_in_one_line() {
    let rows = vec![("1".to_owned(), Err("first\nsecond | third".to_owned()))];
    let table = Table { varied: Varied::Held, rows };
    assert_eq!(table.failures(), 1);
    assert!(table.markdown().ends_with("| 1 | failed: first second   third |\n"));
}
