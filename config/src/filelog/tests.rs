use super::*;
use crate::Config;

fn read(text: &str) -> Result<Config, String> {
    Config::from_yaml(text, &[], &|_| None).map_err(|errors| errors.to_string())
}

#[test]
fn one_text_is_a_list_of_one() {
    let config = read("receivers: {filelog: {include: /var/log/*.log}}").unwrap();
    let filelog = config.receivers.filelog;
    assert!(filelog.is_on());
    assert!(filelog.include[0].matches(Path::new("/var/log/shop.log")));
    assert!(!filelog.include[0].matches(Path::new("/var/log/shop/a.log")), "a wildcard stays within a name");
}

#[test]
fn nothing_is_followed_without_a_pattern() {
    assert!(!Config::default().receivers.filelog.is_on());
}

#[test]
fn braces_stand_for_either_and_stars_for_any_folders() {
    let pattern = FilePattern::parse("/var/{log,lib/{a,b}}/**/*.log").unwrap();
    for path in ["/var/log/x.log", "/var/log/a/b/x.log", "/var/lib/a/x.log", "/var/lib/b/c/x.log"] {
        assert!(pattern.matches(Path::new(path)), "{path}");
    }
    assert!(!pattern.matches(Path::new("/var/lib/x.log")));
}

#[test]
fn a_bad_pattern_is_a_mistake_that_says_where() {
    for (pattern, expected) in [
        ("/var/log/[a", "invalid range pattern at character 10"),
        ("/var/log/**a", "recursive wildcards must form a single path component at character"),
        ("/var/{a,b", "a `{` without its `}`"),
        ("/var/a}", "a `}` without its `{`"),
    ] {
        let told = read(&format!("receivers: {{filelog: {{include: ['{pattern}']}}}}")).unwrap_err();
        assert!(told.contains("receivers.filelog.include") && told.contains(expected), "{told}");
    }
}

#[test]
fn settings_of_the_collector_that_are_not_here_are_refused_with_advice() {
    let told = read("receivers: {filelog: {include: [/a.log], operators: [], multiline: {}}}").unwrap_err();
    assert!(told.contains("operators") && told.contains("logs.patterns"), "{told}");
    assert!(told.contains("multiline"), "{told}");
}
