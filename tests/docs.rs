//! The commands in the README and the guide do what is written there.
//!
//! Every block marked `console` is run: lines after `$ ` by a shell, one after the other in a folder of their own,
//! against a sidecar of the document's own; what follows them is compared with what they print. Times of day
//! may differ; a line `…` stands for any number of lines, a `…` at the end of a line for the rest of it. The
//! default addresses, which a test must not use, are replaced by the real ones.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use spandrel_testing::Sidecar;

const PROGRAM: &str = env!("CARGO_BIN_EXE_spandrel");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const ANY: &str = "…";

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
fn links_lead_somewhere() {
    for document in
        ["README.md", "docs/guide/getting-started.md", "docs/guide/cli.md", "docs/guide/sending.md"]
    {
        let path = Path::new(ROOT).join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        let folder = path.parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = folder.join(link.split('#').next().unwrap());
            assert!(link.starts_with("http") || target.exists(), "{document} links to {link}");
        }
    }
}

fn run_document(name: &str) {
    let text = std::fs::read_to_string(Path::new(ROOT).join(name)).expect("the document can be read");
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
    let program = PathBuf::from(PROGRAM);
    let path = format!(
        "{}:/usr/local/bin:/usr/bin:/bin",
        program.parent().expect("a program is in a folder").display()
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("COLUMNS", "100")
        .env("SPANDREL_URL", format!("http://{query}"))
        .stdin(Stdio::null())
        .output()
        .expect("a shell can be started");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
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
