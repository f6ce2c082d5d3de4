//! Layers the configuration: machine's host name, then what a command presets, then the file, then the environment.
//!
//! Invariants: the environment is passed in, never read here, so that two deployments in one process may differ; an
//! empty variable counts as set.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ::config::{Config as Layers, Environment, File, FileFormat};
use serde_json::Value;

use crate::config::{Config, Mistake, listed};

/// The configuration could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or a variable's name is no key.
    #[error("the configuration cannot be parsed: {message}")]
    Syntax {
        /// Where and why.
        message: String,
    },
    /// Keys or values are wrong; all of them are told.
    #[error("the configuration has {} mistake(s):{}", mistakes.len(), listed(mistakes))]
    Mistakes {
        /// What is wrong, in the order of the sections.
        mistakes: Vec<Mistake>,
    },
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The TOML file, if there is one.
    pub file: Option<PathBuf>,
    /// Keys with values that hold unless the file or the environment says otherwise.
    pub presets: Vec<(&'static str, String)>,
    /// Variables; only those whose name begins with `ORDAIN__` count.
    pub environment: HashMap<String, String>,
}

impl Sources {
    /// A file, if one is given, and the variables of this process.
    #[must_use]
    pub fn of_process(file: Option<&Path>) -> Self {
        let variables = std::env::vars_os();
        let environment = variables.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self { file: file.map(Path::to_owned), presets: Vec::new(), environment: environment.collect() }
    }

    /// What `ordain dev` runs with: everything on loopback, data under one folder, room for many zones; the variables
    /// of this process override it.
    #[must_use]
    pub fn dev(data_dir: &Path) -> Self {
        let inside = |name: &str| data_dir.join(name).to_string_lossy().into_owned();
        let presets = vec![
            ("api.listen", String::from("127.0.0.1:9001")),
            ("mdns.listen", String::from("127.0.0.1:5354")),
            ("database.url", format!("sqlite:{}", inside("ordain.db"))),
            ("coordinator.state_path", inside("coordinator")),
            ("central.quotas.zones", String::from("1000")),
        ];
        Self { presets, ..Self::of_process(None) }
    }

    /// Reads all layers and checks the result.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(&self) -> Result<Config, ConfigError> {
        Config::from_tree(self.tree()?).map_err(|mistakes| ConfigError::Mistakes { mistakes })
    }

    /// The values in force as TOML, for `config show`.
    ///
    /// # Errors
    /// See [`ConfigError`]; a configuration with mistakes is not shown.
    pub fn show(&self) -> Result<String, ConfigError> {
        self.load()?;
        Ok(Config::show(self.tree()?))
    }

    fn tree(&self) -> Result<Value, ConfigError> {
        let mut layers = Layers::builder();
        if let Some(host) = host_name() {
            layers = layers.set_default("node.host", host).map_err(syntax)?;
        }
        for (key, value) in &self.presets {
            layers = layers.set_default(*key, value.as_str()).map_err(syntax)?;
        }
        if let Some(path) = &self.file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
            layers = layers.add_source(File::from_str(&text, FileFormat::Toml));
        }
        let environment = Environment::with_prefix("ORDAIN")
            .prefix_separator("__")
            .separator("__")
            .source(Some(self.environment.clone()));
        layers.add_source(environment).build().and_then(Layers::try_deserialize).map_err(syntax)
    }
}

/// The parser quotes the line it stops at between bars, and that line may hold a password: it is left out.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn syntax(error: ::config::ConfigError) -> ConfigError {
    let told = error.to_string();
    let is_quoted = |line: &&str| {
        line.split_once('|')
            .is_some_and(|(number, _)| number.trim().parse::<u32>().is_ok() || number.trim().is_empty())
    };
    let kept: Vec<&str> = told.lines().filter(|line| !is_quoted(line)).map(str::trim).collect();
    ConfigError::Syntax { message: kept.join(", ") }
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;
    use crate::config::DatabaseUrl;

    #[test]
    fn a_line_that_cannot_be_parsed_is_not_repeated() {
        for file in [
            "[database]\nurl = \"postgresql://u:hunter2@h/d\nx = 1\n",
            "[a]\nb = [\"amqp://u:hunter2@h\" c\n",
        ] {
            let (sources, _temp) = sources(file, &[]);
            let told = sources.load().unwrap_err().to_string();
            assert!(told.contains("line 2"), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    fn sources(file: &str, environment: &[(&str, &str)]) -> (Sources, tempfile::NamedTempFile) {
        let mut temp = tempfile::NamedTempFile::new().unwrap();
        temp.write_all(file.as_bytes()).unwrap();
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        (Sources { file: Some(temp.path().to_owned()), environment, ..Sources::default() }, temp)
    }

    #[test]
    fn the_environment_overrides_the_file_and_the_file_the_defaults() {
        let file =
            "[worker]\nbatch_window = \"2s\"\nthreshold_percentage = 50\n[central.quotas]\nzones = 7\n";
        let (sources, _file) = sources(
            file,
            &[
                ("ORDAIN__WORKER__BATCH_WINDOW", "250ms"),
                ("ORDAIN__PRODUCER__ZONE_PURGE__BATCH_SIZE", "5"),
                ("ORDAIN__MDNS__LISTEN", "127.0.0.1:53,[::1]:53"),
                ("ORDAIN_CONFIG", "not a key"),
                ("PATH", "/bin"),
            ],
        );
        let config = sources.load().unwrap();
        assert_eq!(config.worker.batch_window, Duration::from_millis(250));
        assert_eq!(config.worker.threshold_percentage, 50);
        assert_eq!(config.central.quotas.zones, 7);
        assert_eq!(config.central.quotas.zone_records, 500);
        assert_eq!(config.producer.zone_purge.batch_size, 5);
        assert_eq!(config.mdns.listen.len(), 2);
    }

    #[test]
    fn one_error_tells_every_mistake_of_every_layer() {
        let (sources, _file) = sources(
            "[api]\nlisten = 5\ncolour = 1\n",
            &[("ORDAIN__LOG__FORMAT", "xml"), ("ORDAIN__LGO__LEVEL", "x")],
        );
        let error = sources.load().unwrap_err().to_string();
        for part in ["4 mistake(s)", "api.listen", "api.colour", "log.format", "lgo"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(sources.show().is_err());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_an_error_of_its_own() {
        let (broken, _file) = sources("[api\n", &[]);
        assert!(matches!(broken.load(), Err(ConfigError::Syntax { .. })));
        let absent = Sources { file: Some(PathBuf::from("/nonexistent/ordain.toml")), ..Sources::default() };
        assert!(matches!(absent.load(), Err(ConfigError::Unreadable { .. })));
    }

    #[test]
    fn without_sources_only_the_host_name_differs_from_the_defaults() {
        let config = Sources::default().load().unwrap();
        assert!(!config.node.host.is_empty());
        assert_eq!(Config { node: Config::default().node, ..config }, Config::default());
    }

    #[test]
    fn dev_stays_on_loopback_unless_told_otherwise() {
        let mut sources = Sources { environment: HashMap::new(), ..Sources::dev(Path::new("data")) };
        let config = sources.load().unwrap();
        assert!(
            config.api.listen.iter().chain(&config.mdns.listen).all(|address| address.ip().is_loopback())
        );
        assert_eq!(config.database.url, DatabaseUrl::SqliteFile(PathBuf::from("data/ordain.db")));
        assert_eq!(config.central.quotas.zones, 1000);
        sources.environment.insert("ORDAIN__CENTRAL__QUOTAS__ZONES".into(), "10".into());
        assert_eq!(sources.load().unwrap().central.quotas.zones, 10);
    }

    #[test]
    fn the_shown_values_are_those_in_force() {
        let (sources, _file) = sources("[worker]\nbatch_window = \"2s\"\n", &[]);
        assert!(sources.show().unwrap().contains("batch_window = \"2s\""));
    }
}
