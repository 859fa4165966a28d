//! The commands in the README and the guide do what is written there.
//!
//! Every block marked `console` is run: lines after `$ ` by a shell, one after the other in a folder of their own,
//! against a sidecar of the document's own; what follows them is compared with what they print. Times of day
//! may differ; a line `…` stands for any number of lines, a `…` at the end of a line for the rest of it. The
//! default addresses, which a test must not use, are replaced by the real ones.
//!
//! Of the blocks marked `sh`, every `spandrel run` is started, on free ports and with a folder of its own; those of
//! the page on security are run whole. So are the lines of `curl` in the page on the API.

use std::path::Path;
use std::process::Stdio;

use spandrel_testing::Sidecar;

const PROGRAM: &str = env!("CARGO_BIN_EXE_spandrel");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const ANY: &str = "…";
const DOCUMENTS: [&str; 16] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/ARCHITECTURE.md",
    "docs/guide/cli.md",
    "docs/guide/configuration.md",
    "docs/guide/errors-of-a-trace.md",
    "docs/guide/fleet.md",
    "docs/guide/getting-started.md",
    "docs/guide/grafana.md",
    "docs/guide/http-api.md",
    "docs/guide/logs.md",
    "docs/guide/query-language.md",
    "docs/guide/retention.md",
    "docs/guide/security.md",
    "docs/guide/sending.md",
    "docs/guide/troubleshooting.md",
];

#[derive(Debug)]
struct Example {
    line: usize,
    command: String,
    expected: Vec<String>,
}

#[test]
fn the_readme_is_true() {
    run_document("README.md");
}

#[test]
fn getting_started_is_true() {
    run_document("docs/guide/getting-started.md");
}

#[test]
fn the_guide_to_the_command_line_is_true() {
    run_document("docs/guide/cli.md");
}

#[test]
fn the_guide_to_sending_is_true() {
    run_document("docs/guide/sending.md");
}

#[test]
fn the_guide_to_security_is_true() {
    run_document("docs/guide/security.md");
    let text = document("docs/guide/security.md");
    let [make_token, start, search, curl] = block_lines(&text, "sh")[..] else { panic!("four commands") };
    let folder = workplace();
    shell(make_token, folder.path(), &[]);
    let sidecar = start_as_told(start, folder.path());
    let url = format!("http://127.0.0.1:{}", sidecar.query().rsplit(':').next().unwrap());
    let found = shell(search, folder.path(), &[("SPANDREL_URL", &url)]);
    assert_eq!(
        (found.status.code(), said(&found).as_str()),
        (Some(1), ""),
        "nothing is found, and nothing is wrong"
    );
    let answer = shell(&curl.replace("http://127.0.0.1:7317", &url), folder.path(), &[]);
    assert!(said(&answer).contains("{\"records\":[],"), "{}", said(&answer));
    let stranger = shell(&format!("curl -s {url}/api/v1/search"), folder.path(), &[]);
    assert!(said(&stranger).contains("\"status\":401"), "{}", said(&stranger));
}

#[test]
fn every_sidecar_of_the_guide_starts() {
    let mut started = 0;
    for name in DOCUMENTS {
        let text = document(name);
        let folder = workplace();
        let run = |line: &&&str| line.starts_with("spandrel run") && !line.contains("token");
        for line in block_lines(&text, "sh").iter().filter(run) {
            assert!(start_as_told(line, folder.path()).terminate().success(), "{name}: {line}");
            started += 1;
        }
    }
    assert!(started >= 4, "{started} commands");
}

#[test]
fn the_curls_of_the_api_are_answered() {
    let text = document("docs/guide/http-api.md");
    let curls: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    curl ")).collect();
    let sidecar = Sidecar::of(PROGRAM).start();
    let answered: Vec<String> = curls
        .iter()
        .map(|curl| {
            let there =
                curl.replace("127.0.0.1:7317", sidecar.query()).replace("payment:7317", sidecar.query());
            // A tail ends when nobody listens any more.
            said(&shell(&format!("curl -s --max-time 2 {there}"), Path::new("/"), &[("TOKEN", "t")]))
        })
        .collect();
    let [tail, services] = &answered[..] else { panic!("two of them: {curls:?}") };
    assert!(tail.starts_with("event: coverage\ndata: {"), "{tail}");
    assert!(services.starts_with("{\"services\":["), "{services}");
}

#[test]
fn links_lead_somewhere() {
    for document in DOCUMENTS {
        let path = Path::new(ROOT).join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        let folder = path.parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').map_or((link, None), |(file, to)| (file, Some(to)));
            let target = if file.is_empty() { path.clone() } else { folder.join(file) };
            assert!(target.exists(), "{document} links to {link}");
            if let Some(anchor) = anchor {
                let text = std::fs::read_to_string(&target).unwrap();
                assert!(anchors(&text).any(|known| known == anchor), "{document} links to {link}");
            }
        }
    }
}

#[test]
fn every_page_is_tested() {
    let guide = std::fs::read_dir(Path::new(ROOT).join("docs/guide")).unwrap();
    for page in guide.map(|page| page.unwrap().file_name().into_string().unwrap()) {
        assert!(DOCUMENTS.contains(&format!("docs/guide/{page}").as_str()), "{page}");
    }
}

/// What headings are linked to as: their letters and digits in lower case, with hyphens for blanks.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let prose = text.split("\n```").step_by(2).flat_map(str::lines);
    prose.filter(|line| line.starts_with('#')).map(|heading| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(name)).expect("the document can be read")
}

/// The lines of all blocks of a kind.
fn block_lines<'t>(text: &'t str, kind: &str) -> Vec<&'t str> {
    let blocks = text.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    blocks.filter(|(of, _)| *of == kind).flat_map(|(_, lines)| lines.lines()).collect()
}

/// Starts a sidecar with the arguments of a `spandrel run`, but on free ports. Relative paths are in `folder`.
fn start_as_told(line: &str, folder: &Path) -> Sidecar {
    let words = line.strip_prefix("spandrel run").expect("a command to run");
    let words = shell(&format!("printf '%s\\n' {words}"), folder, &[]);
    let here = |name: &str| folder.join(name).display().to_string();
    let words = said(&words).replace("spandrel.yaml", &here("config/spandrel.yaml"));
    let words = words
        .replace("=/data", &format!("={}", here("data")))
        .replace("=token", &format!("={}", here("token")));
    let words = words.replace(":7317\n", ":0\n");
    // What is told comes after the free ports and the folder, and so goes before them.
    words
        .lines()
        .filter(|word| !word.is_empty())
        .fold(Sidecar::of(PROGRAM), |run, word| run.argument(word))
        .start()
}

fn shell(command: &str, folder: &Path, environment: &[(&str, &str)]) -> std::process::Output {
    let program = Path::new(PROGRAM).parent().expect("a program is in a folder").display();
    std::process::Command::new("bash")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(folder)
        .env("PATH", format!("{program}:/usr/local/bin:/usr/bin:/bin"))
        .env("COLUMNS", "100")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("a shell can be started")
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn run_document(name: &str) {
    let text = document(name);
    let examples = examples(&text);
    assert!(!examples.is_empty(), "{name} has no examples");
    let sidecar = Sidecar::of(PROGRAM).start();
    let folder = workplace();
    let wrong: Vec<String> = examples
        .iter()
        .filter_map(|example| {
            let printed = run(example, &sidecar, folder.path());
            let printed: Vec<String> = printed.lines().map(str::to_owned).collect();
            let fits = fits(&masked(&example.expected), &masked(&printed));
            (!fits).then(|| format!("{name}:{}: $ {}\n{}", example.line, example.command, printed.join("\n")))
        })
        .collect();
    assert!(wrong.is_empty(), "these print something else:\n\n{}", wrong.join("\n\n"));
}

fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut is_console = false;
    for (index, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(kind) => is_console = kind == "console",
            None if !is_console => {}
            None => match line.strip_prefix("$ ") {
                Some(command) => {
                    let example =
                        Example { line: index + 1, command: command.to_owned(), expected: Vec::new() };
                    examples.push(example);
                }
                None => {
                    examples.last_mut().expect("a block starts with a command").expected.push(line.to_owned())
                }
            },
        }
    }
    examples
}

/// A folder to run commands in, with what they name of the repository.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink(Path::new(ROOT).join("config"), folder.path().join("config"))
        .expect("a link can be made");
    folder
}

fn run(example: &Example, sidecar: &Sidecar, folder: &Path) -> String {
    let (grpc, http, query) = (sidecar.grpc(), sidecar.http(), sidecar.query());
    let demo = format!("spandrel demo --endpoint http://{grpc} --http-endpoint http://{http}");
    let command = example.command.replace("spandrel demo", &demo);
    let command = command.replace("127.0.0.1:4318", http).replace("127.0.0.1:7317", query);
    let output = shell(&command, folder, &[("SPANDREL_URL", &format!("http://{query}"))]);
    let printed = said(&output);
    assert!(output.status.success(), "`{}` failed: {printed}", example.command);
    printed.replace(http, "127.0.0.1:4318").replace(query, "127.0.0.1:7317")
}

/// Whether lines are what is expected, `…` being anything.
fn fits(expected: &[String], printed: &[String]) -> bool {
    match (expected.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == ANY => {
            (0..=printed.len()).any(|skip| fits(rest, &printed[skip..]))
        }
        (Some((first, rest)), Some((line, lines))) => {
            let is_start = first.strip_suffix(ANY).is_some_and(|start| line.starts_with(start));
            (first == line || is_start) && fits(rest, lines)
        }
        _ => false,
    }
}

/// With every digit of a time of day as `0`: `2026-11-22T13:56:58.123Z`, `2026-11-22 13:56:58.123 UTC`.
fn masked(lines: &[String]) -> Vec<String> {
    let is_time = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let marks = word.matches(['-', ':']).count();
        digits >= 8 && marks >= 2 && word.chars().all(|c| c.is_ascii_digit() || "-:.TZ".contains(c))
    };
    let mask = |word: &str| match is_time(word) {
        true => word.replace(|character: char| character.is_ascii_digit(), "0"),
        false => word.to_owned(),
    };
    lines.iter().map(|line| line.split(' ').map(mask).collect::<Vec<_>>().join(" ")).collect()
}
