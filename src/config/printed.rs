//! Writes the declared keys of a configuration as TOML: the sample file and the values in force.
//!
//! Invariants: a key commented out begins its line with `#` and no space, an explanation with `# `; so whoever removes
//! single `#` characters gets a valid file.

use super::reader::{Fallback, Line};

/// Every key, commented out, at its default or, where there is none, with an example.
pub(super) fn sample(lines: &[Line]) -> String {
    let mut text = String::from(
        "# Configuration of Ordain. Every key shows its default, or an example where it says so.\n\
         # Each can be set in the environment too: ORDAIN__SECTION__KEY, sections in sections joined the same way,\n\
         # lists separated by commas.\n",
    );
    for line in lines {
        match line {
            Line::Section { path, about } => text.push_str(&format!("\n# {about}\n[{path}]\n")),
            Line::Key { key, about, default: Fallback::Default(value), .. } => {
                text.push_str(&format!("# {about}\n#{key} = {value}\n"));
            }
            Line::Key { key, about, default: Fallback::Nothing { example }, .. } => {
                text.push_str(&format!("# {about} Unset by default, for example:\n#{key} = {example}\n"));
            }
        }
    }
    text
}

/// The value of every key that has one.
pub(super) fn show(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        match line {
            Line::Section { path, .. } => text.push_str(&format!("\n[{path}]\n")),
            Line::Key { key, value: Some(value), .. } => text.push_str(&format!("{key} = {value}\n")),
            Line::Key { value: None, .. } => {}
        }
    }
    text.trim_start().to_owned()
}
