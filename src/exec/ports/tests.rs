use spandrel_testing::Port;

use super::*;

#[test]
fn a_default_address_that_is_taken_gives_way_and_one_that_was_chosen_does_not() {
    let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
    let default = somebody.local_addr().unwrap();
    let mut address = default;
    let taken = leave(What::OtlpHttp, &mut address, default);
    assert_eq!(taken, Some(Taken { what: What::OtlpHttp, address: default }));
    assert_eq!((address.ip(), address.port()), (default.ip(), 0));

    let chosen = SocketAddr::from(([127, 0, 0, 2], default.port()));
    let mut address = chosen;
    assert_eq!(leave(What::OtlpHttp, &mut address, default), None);
    assert_eq!(address, chosen);
}

#[test]
fn a_default_address_that_is_free_stays() {
    let port = Port::reserve();
    let free = port.address();
    let mut address = free;
    assert_eq!(leave(What::Query, &mut address, free), None);
    assert_eq!(address, free);
}
