//! Peers that come and go while questions are asked: nobody is started anew for it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::Value;
use spandrel_testing::Port;

use super::names::NameServer;
use super::records::trace;
use crate::{SHOP, addresses, fleet, gateway, keep, path, reasons, services, sidecar, when};

#[test]
fn a_pod_that_dns_forgets_is_gone_while_a_question_is_about_its_time() {
    // Two pods of a headless service: one port, two addresses.
    let whole = trace(&SHOP[..2]);
    let reserved = Port::reserve_on(Ipv4Addr::UNSPECIFIED);
    let port = reserved.number();
    let stays = sidecar().set(format!("query.endpoint=127.0.0.1:{port}")).start();
    keep(&stays, &whole, SHOP[0]);
    let deleted = format!("127.0.0.2:{port}");
    let mut pod = sidecar().set(format!("query.endpoint={deleted}")).start();
    keep(&pod, &whole, SHOP[1]);
    let [one, other] = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)];
    let names = NameServer::start(&[one, other]);
    let gateway = gateway(&[])
        .set(format!("federation.dns=[\"sidecars.test:{port}\"]"))
        .set(format!("federation.dns_server=\"{}\"", names.address))
        .set("federation.refresh=50ms")
        .start();
    let both = |answer: &Value| answer["coverage"]["complete"] == true && services(answer).len() == 2;
    when(&gateway, &path(), both);
    let known = |answer: &Value| {
        answer["peers"].as_array().unwrap().iter().filter(|peer| peer["service"].is_string()).count() == 2
    };
    when(&gateway, "/api/v1/peers", known);

    // The pod ends before DNS forgets it: until then it is a peer that does not answer.
    assert!(pod.terminate().success());
    let (away, answer) = (deleted.clone(), gateway.get(&path()).json());
    assert_eq!(reasons(&answer)[0].0, away, "{answer}");
    names.say(Some(&[one]));
    let gone = |answer: &Value| reasons(answer) == [(deleted.clone(), "gone".to_owned())];
    let answer = when(&gateway, &path(), gone);
    assert_eq!(services(&answer), BTreeSet::from([SHOP[0].to_owned()]));
    assert_eq!(answer["coverage"]["missing"][0]["service"], SHOP[1], "{answer}");
    assert_eq!((&answer["coverage"]["asked"], &answer["coverage"]["answered"]), (&1.into(), &1.into()));
    assert_eq!(gateway.get(&format!("{}?require=complete", path())).status, 503);
    let elsewhen = gateway.get("/api/v1/search?end=2001-01-01T00:00:00Z").json();
    assert_eq!(elsewhen["coverage"]["complete"], true, "{elsewhen}");

    // Who else there would be is not known while the name is not.
    names.say(None);
    let unresolved = |answer: &Value| {
        let reasons = reasons(answer);
        reasons.len() == 2 && reasons.contains(&(format!("sidecars.test:{port}"), "unresolved".to_owned()))
    };
    let answer = when(&gateway, &path(), unresolved);
    assert_eq!(services(&answer).len(), 1, "what was there before is still asked: {answer}");
}

#[test]
fn pages_go_on_in_order_while_a_peer_joins_between_them() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("peers");
    let sidecars = fleet(&SHOP[..3]);
    let write = |names: &[&str]| std::fs::write(&list, names.join("\n")).unwrap();
    let all = addresses(&sidecars);
    write(&all[..2]);
    let file = format!("federation.file={}", list.display());
    let gateway = gateway(&[]).set(file).set("federation.refresh=50ms").start();
    let answered = |number: usize| move |answer: &Value| answer["coverage"]["answered"] == number;
    when(&gateway, "/api/v1/search?limit=1", answered(2));
    let times = |answer: &Value| -> Vec<String> {
        let records = answer["records"].as_array().unwrap();
        records.iter().map(|record| record["start"].as_str().unwrap().to_owned()).collect()
    };
    let (mut seen, mut cursor, mut page) = (Vec::new(), String::new(), 0);
    loop {
        if page == 1 {
            write(&all);
            when(&gateway, "/api/v1/search?limit=1", answered(3));
        }
        let answer = gateway.get(&format!("/api/v1/search?limit=3{cursor}")).json();
        assert_eq!(answer["coverage"]["complete"], true, "page {page}: {answer}");
        seen.extend(times(&answer));
        let Some(next) = answer["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        page += 1;
    }
    // The newest spans are those of the service that joined: they are past, and nothing else is.
    let whole = times(&gateway.get("/api/v1/search?limit=1000").json());
    assert_eq!(whole.len(), 12);
    let first_page = whole.iter().skip(4).take(3);
    let rest = whole.iter().skip(7);
    assert_eq!(seen.iter().collect::<Vec<_>>(), first_page.chain(rest).collect::<Vec<_>>());
}

#[test]
fn a_sidecar_on_a_copy_of_anothers_folder_is_missing_and_not_taken_for_the_same() {
    let home = tempfile::tempdir().unwrap();
    let (original, copied) = (home.path().join("original"), home.path().join("copied"));
    let whole = trace(&SHOP[..2]);
    let mut first = sidecar().folder(&original).start();
    keep(&first, &whole, SHOP[0]);
    assert!(first.terminate().success());
    let copying = std::process::Command::new("cp").arg("-a").args([&original, &copied]).status();
    assert!(copying.unwrap().success());

    let (first, second) = (sidecar().folder(&original).start(), sidecar().folder(&copied).start());
    keep(&second, &whole, SHOP[1]);
    let gateway = gateway(&[first.query(), second.query()]).start();
    let named = |answer: &Value| reasons(answer).iter().any(|(_, reason)| reason == "copy");
    let answer = when(&gateway, &path(), named);
    let [(missing, _)] = &reasons(&answer)[..] else { panic!("{answer}") };
    assert!([first.query(), second.query()].contains(&missing.as_str()), "{answer}");
    assert_eq!(answer["coverage"]["complete"], false);
    assert_eq!(gateway.get(&format!("{}?require=complete", path())).status, 503);
}
