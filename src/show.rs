//! How answers look to a person: on a terminal in colour and fitted to its width, else as plain text.
//!
//! In come answers of the API, out go lines of text. Payloads are hostile: whatever a service wrote into a
//! name or a message reaches the terminal only through [`Line::push`], which makes control characters
//! visible instead of obeyed.

pub mod errors;
pub mod line;
pub mod neutral;
pub mod notes;
pub mod palette;
pub mod peers;
pub mod records;
pub mod trace;
pub mod units;

pub use line::{Ink, Line};
pub use palette::Palette;

/// Narrower than this nothing can be read; a terminal that says so is not believed.
const WIDTH_MIN: usize = 40;
/// Lines of prose and bars wider than this are harder to read, not easier.
const WIDTH_MAX: usize = 240;
/// What a program that reads our output through a pipe sees.
const WIDTH_WITHOUT_TERMINAL: usize = 120;

/// What answers are drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub width: usize,
    pub colour: bool,
}

/// `--color`; `Auto` is on a terminal, unless `NO_COLOR` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ColourChoice {
    Auto,
    Always,
    Never,
}

impl Screen {
    /// `columns` and `no_color` are the environment's `COLUMNS` and `NO_COLOR`.
    pub fn of_stdout(choice: ColourChoice, columns: Option<&str>, no_color: Option<&str>) -> Screen {
        use std::io::IsTerminal;
        let terminal = std::io::stdout().is_terminal();
        let wanted = no_color.is_none_or(str::is_empty);
        let colour = match choice {
            ColourChoice::Auto => terminal && wanted,
            ColourChoice::Always => true,
            ColourChoice::Never => false,
        };
        let asked = columns.and_then(|columns| columns.trim().parse().ok());
        let actual = || terminal_size::terminal_size().map(|(columns, _)| usize::from(columns.0));
        let width = asked.or_else(actual).unwrap_or(WIDTH_WITHOUT_TERMINAL);
        Screen { width: width.clamp(WIDTH_MIN, WIDTH_MAX), colour }
    }
}
