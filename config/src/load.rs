//! From a file, `--set`s and the environment to a [`Config`] that is right, or to all that is wrong with it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::components::{self, Kind};
use crate::document::{Document, TEXT_BYTES_MAX};
use crate::error::{ConfigError, ConfigErrors};
use crate::section::{Section, Walk};
use crate::substitute::substitute;
use crate::surroundings::Surroundings;
use crate::{Config, validate};

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// The defaults, the file over them, each `--set` (`a.b.c=VALUE`) over that, references to the environment
    /// replaced, and all of it checked. Reads the file, a token file, the cgroup's limit, and looks up hosts to
    /// listen on that are names. Pass [`environment`](crate::environment) for the process's own variables.
    pub fn load(file: Option<&Path>, sets: &[String], env: Env<'_>) -> Result<Config, ConfigErrors> {
        let text = file.map(read_file).transpose()?.unwrap_or_default();
        assemble(&text, sets, &Surroundings::of_this_machine(env))
    }

    /// The same from a text, without the machine: no limits of a cgroup, no names of hosts but `localhost`.
    pub fn from_yaml(text: &str, sets: &[String], env: Env<'_>) -> Result<Config, ConfigErrors> {
        assemble(text, sets, &Surroundings::bare(env))
    }

    /// Every key of the schema, dotted.
    pub fn keys() -> Vec<String> {
        let (document, around) = (Document::default(), Surroundings::bare(&|_| None));
        let mut walk = Walk::new(&document.texts, &around);
        let mut config = Config::default();
        walk.root(&document.root, |section| config.read(section));
        walk.keys
    }

    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.section("receivers", |section| self.receivers.read(section));
        section.section("logs", |section| self.logs.read(section));
        section.section("processors", |section| components::refuse_others(section, Kind::Processor));
        section.section("exporters", |section| components::refuse_others(section, Kind::Exporter));
        section.section("service", |section| self.service.read(section));
        section.section("storage", |section| self.storage.read(section));
        section.section("query", |section| self.query.read(section));
        section.section("federation", |section| self.federation.read(section));
        section.section("limits", |section| self.limits.read(section));
        section.section("security", |section| self.security.read(section));
        section.section("shutdown", |section| self.shutdown.read(section));
        section.section("telemetry", |section| self.telemetry.read(section));
        components::refuse_sections(section);
    }
}

fn assemble(text: &str, sets: &[String], around: &Surroundings<'_>) -> Result<Config, ConfigErrors> {
    let mut document = Document::read(text).map_err(|reason| ConfigErrors::one("", reason))?;
    let mut errors = Vec::new();
    for set in sets {
        if let Err(message) = document.set(set) {
            errors.push(ConfigError { path: format!("--set {}", key_of(set)), message });
        }
    }
    substitute(&mut document, around.env, &mut errors);
    let config = walk(&document, around, &mut errors);
    validate::check(&config, &mut errors);
    if errors.is_empty() { Ok(config) } else { Err(ConfigErrors(errors)) }
}

fn walk(document: &Document, around: &Surroundings<'_>, errors: &mut Vec<ConfigError>) -> Config {
    let mut config = Config::default();
    let mut walk = Walk::new(&document.texts, around);
    match &document.root {
        root @ (Value::Null | Value::Object(_)) => walk.root(root, |section| config.read(section)),
        _ => walk.errors.push(ConfigError {
            path: String::new(),
            message: "expected a document of sections: `storage:`, `query:` and so on".to_owned(),
        }),
    }
    errors.append(&mut walk.errors);
    drop_what_follows(errors);
    config
}

/// A component that its own section names as one that is not here is not named again by each pipeline that lists it.
fn drop_what_follows(errors: &mut Vec<ConfigError>) {
    let is_of_pipeline = |error: &ConfigError| error.path.starts_with("service.pipelines.");
    // One with a name of its own (`batch/small`) is another one than the pipeline's.
    let is_of_section = |error: &&ConfigError| !is_of_pipeline(error) && !error.path.contains('/');
    let said: Vec<String> = errors.iter().filter(is_of_section).map(|error| error.message.clone()).collect();
    errors.retain(|error| !is_of_pipeline(error) || !said.contains(&error.message));
}

/// The part of a `--set` that can be shown: its value may be a secret.
fn key_of(set: &str) -> &str {
    set.split('=').next().unwrap_or(set)
}

fn read_file(path: &Path) -> Result<String, ConfigErrors> {
    let cannot = |why: &dyn std::fmt::Display| {
        ConfigErrors::one("", format!("cannot read the configuration {}: {why}", path.display()))
    };
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that a longer file is refused rather than cut.
    file.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    String::from_utf8(bytes).map_err(|_| cannot(&"its text is not UTF-8"))
}

#[cfg(test)]
mod tests;
