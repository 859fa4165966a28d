//! Two network namespaces with a cable between them, made by the test itself: what is done to the cable is done by the
//! kernel, to real packets.
//!
//! The test runs itself again, in a namespace of its own: there it may do all this without being root outside. Where
//! that is not permitted the fault proxy stands for it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// This end of the cable, and the other one.
pub const HERE: &str = "10.77.0.1";
pub const THERE: &str = "10.77.0.2";

const INSIDE: &str = "SPANDREL_TEST_INSIDE_NAMESPACE";

/// The other end: held open by a process that does nothing.
pub struct Network {
    holder: Child,
}

/// Whether this is the run inside.
#[allow(clippy::disallowed_methods, reason = "how a test tells itself where it runs")]
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs one test of this program again, inside; `false` where that is not permitted.
pub fn run_inside(test: &str) -> bool {
    let cable = ["ip", "link", "add", "name", "here", "type", "veth", "peer", "name", "there"];
    let mut permitted = command("unshare", &["--map-root-user", "--net"]);
    permitted.args(cable).stdout(Stdio::null());
    if !permitted.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return false;
    }
    let program = std::env::current_exe().unwrap();
    let run = command("unshare", &["--map-root-user", "--net"])
        .arg(program)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status();
    assert!(run.unwrap().success(), "the run inside failed");
    true
}

impl Network {
    pub fn new() -> Network {
        let holder = command("unshare", &["--net", "sleep", "infinity"]).spawn().unwrap();
        let network = Network { holder };
        ip(&["link", "set", "lo", "up"]);
        ip(&["link", "add", "name", "here", "type", "veth", "peer", "name", "there"]);
        network.take_the_other_end();
        network.there("ip", &["link", "set", "lo", "up"]);
        network.there("ip", &["addr", "add", &format!("{THERE}/24"), "dev", "there"]);
        ip(&["addr", "add", &format!("{HERE}/24"), "dev", "here"]);
        ip(&["link", "set", "here", "up"]);
        network.plug_in();
        network
    }

    /// The holder may not have made its namespace yet.
    fn take_the_other_end(&self) {
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let held = || std::fs::read_link(self.namespace()).is_ok_and(|held| held != own);
        while !held() {
            std::thread::yield_now();
        }
        ip(&["link", "set", "there", "netns", &self.holder.id().to_string()]);
    }

    fn namespace(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    /// What has to stand before a command that is to run at the other end.
    pub fn prefix(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net={}", self.namespace())]
    }

    fn there(&self, program: &str, arguments: &[&str]) -> bool {
        let inside = format!("--net={}", self.namespace());
        let run = command("nsenter", &[&inside, program]).args(arguments).stderr(Stdio::null()).status();
        run.unwrap().success()
    }

    pub fn pull_out(&self) {
        assert!(self.there("ip", &["link", "set", "there", "down"]));
    }

    pub fn plug_in(&self) {
        assert!(self.there("ip", &["link", "set", "there", "up"]));
    }

    /// What leaves the other end is treated like this. `false` where this kernel cannot, and then it says so.
    pub fn treat(&self, how: &[&str]) -> bool {
        let arguments = [&["qdisc", "replace", "dev", "there", "root"], how].concat();
        let is_treated = self.there("tc", &arguments);
        if !is_treated {
            say(&format!("this kernel has no {}: the proxy alone stands for it", how[0]));
        }
        is_treated
    }

    pub fn leave_alone(&self) {
        self.there("tc", &["qdisc", "del", "dev", "there", "root"]);
    }

    /// Bytes that have arrived here.
    pub fn received(&self) -> u64 {
        let count = std::fs::read_to_string(Path::new("/sys/class/net/here/statistics/rx_bytes"));
        match count {
            Ok(count) => count.trim().parse().unwrap(),
            // sysfs may show the namespace that it was mounted in.
            Err(_) => received_by_proc(),
        }
    }
}

/// To whoever runs the tests, past what the test harness keeps to itself.
pub fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// The first number behind the name is the bytes received.
fn received_by_proc() -> u64 {
    let all = std::fs::read_to_string("/proc/net/dev").unwrap();
    let line = all.lines().find_map(|line| line.trim().strip_prefix("here:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn ip(arguments: &[&str]) {
    let status = command("ip", arguments).status().unwrap();
    assert!(status.success(), "ip {arguments:?}");
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}
