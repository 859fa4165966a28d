//! Files that are renamed, removed, truncated and copied, one thing at a time.

use super::*;

#[test]
fn a_file_is_read_to_its_end_under_a_name_that_no_pattern_has() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "{\"n\":1}\n");
    follower.step();
    follower.write("a.log", "{\"n\":2}\n");
    follower.rename("a.log", "a.log.1");
    follower.write("a.log", "{\"n\":4}\n");
    follower.write("a.log.1", "{\"n\":3}\n");
    follower.step();
    let mut lines = follower.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{\"n\":4}"]);
}

#[test]
fn a_file_that_was_rotated_while_nobody_looked_is_read_to_its_end() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "{\"n\":1}\n");
    follower.step();
    follower.write("a.log", "{\"n\":2}\n");
    follower.rename("a.log", "a.log.1");
    follower.write("a.log", "{\"n\":3}\n");
    follower.crash();
    follower.step();
    let mut lines = follower.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
}

#[test]
fn a_file_that_was_removed_is_read_to_its_end_and_then_forgotten() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "{\"n\":1}\n");
    follower.step();
    follower.write("a.log", "{\"n\":2}\n");
    fs::remove_file(follower.path("a.log")).unwrap();
    for _ in 0..10 {
        follower.step();
    }
    follower.assert_read(&["{\"n\":1}", "{\"n\":2}"]);
    assert_eq!(follower.reader.files.tailed.len(), 0);
    assert!(!follower.saved.keys().any(|key| FileId::from_key(key).is_some()));
}

fn copy_and_truncate(follower: &Follower, name: &str, copy: &str) {
    follower.copy(name, copy);
    File::create(follower.path(name)).unwrap();
}

#[test]
fn what_was_not_read_before_a_truncation_is_read_from_the_copy() {
    for (pattern, crash) in [("*.log", false), ("*.log*", false), ("*.log", true), ("*.log*", true)] {
        let mut follower = Follower::new(pattern);
        let first = first_bytes();
        follower.write("a.log", &first);
        follower.step();
        follower.write("a.log", "{\"n\":2}\n");
        copy_and_truncate(&follower, "a.log", "a.log.1");
        follower.write("a.log", "{\"n\":3}\n");
        if crash {
            follower.crash();
        }
        for _ in 0..3 {
            follower.step();
        }
        let mut lines = follower.lines();
        lines.sort_unstable();
        assert_eq!(lines, [first.trim_end(), "{\"n\":2}", "{\"n\":3}"], "{pattern} {crash}");
    }
}

#[test]
fn a_copy_is_not_read_while_its_original_is() {
    let mut follower = Follower::new("*.log*");
    let first = first_bytes();
    follower.write("a.log", &first);
    follower.step();
    fs::copy(follower.path("a.log"), follower.path("a.log.1")).unwrap();
    for _ in 0..3 {
        follower.step();
    }
    follower.assert_read(&[first.trim_end()]);
    // One that goes its own way is no copy.
    follower.write("a.log", "{\"n\":2}\n");
    follower.write("a.log.1", "{\"m\":2}\n");
    for _ in 0..3 {
        follower.step();
    }
    assert_eq!(follower.lines().len(), 4, "its own lines and what it began with");
}

#[test]
fn a_copy_is_told_from_another_file_that_began_with_the_same_bytes() {
    for look_between in [false, true] {
        let mut follower = Follower::new("*.log*");
        // All that is known of it is the beginning of the other's first line, too.
        follower.write("a.log", "{\"number\":1");
        follower.step();
        follower.rename("a.log", "a.log.2");
        follower.write("a.log", "{\"number\":10}\n");
        follower.step();
        follower.write("a.log", "{\"number\":11}\n");
        follower.copy("a.log", "a.log.1");
        if look_between {
            follower.step();
        }
        File::create(follower.path("a.log")).unwrap();
        follower.write("a.log", "{\"number\":12}\n");
        for _ in 0..3 {
            follower.step();
        }
        let mut lines = follower.lines();
        lines.sort_unstable();
        let all = ["{\"number\":1", "{\"number\":10}", "{\"number\":11}", "{\"number\":12}"];
        assert_eq!(lines, all, "looked between: {look_between}");
    }
}

#[test]
fn a_new_file_is_no_copy_though_it_has_written_nothing_but_what_the_one_before_it_began_with() {
    let mut follower = Follower::new("*.log*");
    follower.write("a.log", "the service begins\n{\"n\":1}\n");
    follower.step();
    follower.rename("a.log", "a.log.1");
    follower.write("a.log", "the service begins\n");
    for _ in 0..3 {
        follower.step();
    }
    follower.assert_read(&["the service begins", "{\"n\":1}", "the service begins"]);
}

#[test]
fn a_truncated_file_that_has_grown_beyond_its_place_is_read_from_its_start() {
    let mut follower = Follower::new("*.log");
    follower.write("a.log", "{\"n\":1}\n");
    follower.step();
    File::create(follower.path("a.log")).unwrap();
    follower.write("a.log", "{\"m\":1}\n{\"m\":2}\n{\"m\":3}\n");
    follower.step();
    follower.step();
    follower.assert_read(&["{\"n\":1}", "{\"m\":1}", "{\"m\":2}", "{\"m\":3}"]);
}

#[test]
fn a_hole_that_a_truncation_left_is_passed_over() {
    let mut follower = Follower::new("*.log");
    let path = follower.path("a.log");
    let mut writer = File::create(&path).unwrap();
    writer.write_all(b"{\"n\":1}\n").unwrap();
    follower.step();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    // Not opened for appending: it goes on at its old offset.
    writer.write_all(b"{\"n\":2}\n").unwrap();
    follower.step();
    follower.step();
    follower.assert_read(&["{\"n\":1}", "{\"n\":2}"]);
}

#[test]
fn files_that_are_renamed_while_they_are_looked_at_are_the_same_still() {
    let mut follower = Follower::new("*.log*");
    follower.write("a.log", "{\"number\":1}\n");
    follower.step();
    follower.write("a.log", "{\"number\":2}\n");
    follower.copy("a.log", "a.log.1");
    File::create(follower.path("a.log")).unwrap();
    follower.look();
    let found = follower.reader.files.find();
    follower.rename("a.log.1", "a.log.2");
    follower.rename("a.log", "a.log.1");
    follower.look_at(found);
    follower.write("a.log", "{\"number\":3}\n");
    follower.step();
    follower.assert_read(&["{\"number\":1}", "{\"number\":2}", "{\"number\":3}"]);
}

#[test]
fn a_copy_that_was_found_before_it_was_complete_is_one_though_its_original_is_truncated_now() {
    let mut follower = Follower::new("*.log*");
    follower.write("a.log", "{\"number\":1}\n{\"number\":2}\n");
    follower.step();
    follower.write("a.log.1", "");
    let found = follower.reader.files.find();
    fs::copy(follower.path("a.log"), follower.path("a.log.1")).unwrap();
    File::create(follower.path("a.log")).unwrap();
    follower.write("a.log", "{\"number\":3}\n");
    follower.look_at(found);
    follower.step();
    follower.step();
    follower.assert_read(&["{\"number\":1}", "{\"number\":2}", "{\"number\":3}"]);
}

#[test]
fn a_copy_that_was_found_half_written_is_not_taken_for_one_of_what_its_original_held_before() {
    let mut follower = Follower::new("*.log*");
    follower.write("a.log", "{\"number\":1}\n");
    follower.step();
    follower.copy("a.log", "a.log.2");
    follower.step();
    File::create(follower.path("a.log")).unwrap();
    let (first, rest) = ("{\"nu", "mber\":2}\n");
    follower.write("a.log", &format!("{first}{rest}"));
    follower.write("a.log.1", first);
    follower.look();
    follower.write("a.log.1", rest);
    follower.step();
    follower.step();
    File::create(follower.path("a.log")).unwrap();
    follower.step();
    follower.step();
    follower.assert_read(&["{\"number\":1}", "{\"number\":2}"]);
}
