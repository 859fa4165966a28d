use super::*;

fn resource(path: &str) -> Vec<(String, String)> {
    whose(Path::new(path)).resource
}

#[test]
fn a_pods_path_says_whose_it_is() {
    let whose = whose(Path::new("/var/log/pods/shop_payment-7d9f-x2_0a1b-2c/payment/3.log"));
    let expected = [
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", "payment-7d9f-x2"),
        ("k8s.pod.uid", "0a1b-2c"),
        ("k8s.container.name", "payment"),
        ("k8s.container.restart_count", "3"),
    ];
    assert_eq!(whose.resource, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(whose.service.as_deref(), Some("payment"));
}

#[test]
fn a_rotated_file_is_the_same_containers() {
    assert_eq!(
        resource("/var/log/pods/shop_payment_0a/payment/3.log.20261122-100000"),
        resource("/var/log/pods/shop_payment_0a/payment/3.log")
    );
}

#[test]
fn dockers_path_says_which_container() {
    let id = "ab".repeat(32);
    let path = format!("/var/lib/docker/containers/{id}/{id}-json.log");
    assert_eq!(resource(&path), [("container.id".to_owned(), id)]);
}

#[test]
fn other_paths_say_nothing() {
    for path in [
        "/var/log/shop.log",
        "/var/log/pods/shop_payment/payment/0.log",
        "/var/log/pods/shop_payment_0a_x/payment/0.log",
        "/var/log/pods/shop_payment_0a/payment/app.log",
        "/data/shop_payment_0a/payment/0.log",
        "/",
    ] {
        assert_eq!(whose(Path::new(path)), Whose::default(), "{path}");
    }
}
