//! The demo tells the same story for the same seed, and what it tells holds together.

use std::collections::HashSet;

use super::requests::Kind;
use super::shop::Service;
use super::story::Plan;

fn plans(seed: u64, requests: usize) -> Vec<(Kind, Plan)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let tell = |index| {
        let kind = Kind::of(index, &mut random);
        (kind, kind.tell(&mut random))
    };
    (0..requests).map(tell).collect()
}

#[test]
fn the_same_seed_tells_the_same_story() {
    assert_eq!(format!("{:?}", plans(7, 20)), format!("{:?}", plans(7, 20)));
    assert_ne!(format!("{:?}", plans(7, 1)), format!("{:?}", plans(8, 1)));
}

#[test]
fn every_service_of_the_shop_takes_part() {
    let seen: HashSet<Service> =
        plans(1, 40).iter().flat_map(|(_, plan)| plan.spans.iter().map(|span| span.service)).collect();
    assert_eq!(seen.len(), Service::ALL.len());
}

#[test]
fn children_start_after_their_parents_and_end_after_they_start() {
    for (kind, plan) in plans(3, 60) {
        for span in &plan.spans {
            assert!(span.start <= span.end, "{kind:?}");
            let parent = span.parent.map(|parent| &plan.spans[parent]);
            assert!(parent.is_none_or(|parent| parent.start <= span.start), "{kind:?}");
        }
        assert!(plan.spans[0].parent.is_none() && plan.spans[1..].iter().all(|span| span.parent.is_some()));
    }
}

#[test]
fn ids_are_never_used_twice() {
    let mut ids = HashSet::new();
    for (_, plan) in plans(5, 200) {
        assert!(ids.insert(plan.trace_id.to_string()));
        assert!(plan.spans.iter().all(|span| ids.insert(span.id.to_string())));
    }
}

#[test]
fn a_failure_goes_from_the_pool_to_the_gateway_and_a_lost_label_leaves_no_span_in_error() {
    let plans = plans(11, 5);
    let failed = |plan: &Plan| {
        let spans = plan.spans.iter().filter(|span| span.failure.is_some());
        spans.map(|span| span.service).collect::<HashSet<Service>>()
    };
    let (pool, label) = (&plans[0], &plans[1]);
    assert_eq!(pool.0, Kind::PoolExhausted);
    assert_eq!(failed(&pool.1), HashSet::from([Service::Gateway, Service::Orders, Service::Payment]));
    assert_eq!(label.0, Kind::LabelLost);
    assert!(failed(&label.1).is_empty());
}

#[test]
fn every_service_tells_of_the_same_requests_and_all_of_them_have_some() {
    let tell = |seed, number| format!("{:?}", super::live::plan(seed, number));
    assert_eq!(tell(0, 900_000_000), tell(0, 900_000_000));
    assert_ne!(tell(0, 900_000_000), tell(0, 900_000_001));
    assert_ne!(tell(0, 900_000_000), tell(1, 900_000_000));
    let plans: Vec<Plan> = (900_000_000..900_000_100).map(|number| super::live::plan(0, number)).collect();
    let seen: HashSet<Service> =
        plans.iter().flat_map(|plan| plan.spans.iter().map(|span| span.service)).collect();
    assert_eq!(seen.len(), Service::ALL.len());
    let failed = plans.iter().filter(|plan| plan.spans.iter().any(|span| span.failure.is_some())).count();
    assert!((1..50).contains(&failed), "{failed}");
}
