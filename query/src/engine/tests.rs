use proptest::prelude::*;

use super::histogram::round_step;

#[test]
fn steps_are_round() {
    let second = 1_000_000_000;
    assert_eq!(round_step(0), 1);
    assert_eq!(round_step(100), 1);
    assert_eq!(round_step(101), 2);
    assert_eq!(round_step(60 * second), second);
    assert_eq!(round_step(15 * 60 * second), 10 * second);
    assert_eq!(round_step(3_600 * second), 60 * second);
    assert_eq!(round_step(86_400 * second), 900 * second);
    assert_eq!(round_step(7 * 86_400 * second), 7_200 * second);
    assert_eq!(round_step(700 * 86_400 * second), 7 * 86_400 * second);
}

proptest! {
    #[test]
    fn any_time_is_covered_in_up_to_a_hundred_steps(length in any::<u64>()) {
        let step = round_step(length);
        prop_assert!(length.div_ceil(step) <= 100);
        prop_assert!(length < 1_000 || length.div_ceil(step) >= 14, "{} steps", length.div_ceil(step));
    }
}
