//! Log lines: pretty for people, one JSON object per line for machines, always on standard error.
//!
//! Invariants: only [`init`] touches the process-wide subscriber, and only `main` calls it, so that a test may have
//! one of its own; a bad level is an error before the first line is written.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{LogConfig, LogFormat};

/// The broker client writes whole messages, and at its finest the way it logs in: none of it is for a log.
const SILENT: &str = "lapin";

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` or `RUST_LOG` holds no directives.
    #[error("\"{directives}\" is no log level or list of levels per module: {reason}")]
    Level {
        /// What was given.
        directives: String,
        /// Why it is none.
        reason: String,
    },
    /// The process has a subscriber already.
    #[error("logging is set up already")]
    Twice(#[from] SetGlobalDefaultError),
}

/// Sets up logging for the whole process; the variable `RUST_LOG` overrides the level.
///
/// # Errors
/// If the level cannot be parsed or logging is set up already.
pub fn init(log: &LogConfig) -> Result<(), TelemetryError> {
    let pretty = match log.format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    let rust_log = std::env::var("RUST_LOG").ok().filter(|directives| !directives.is_empty());
    let subscriber = subscriber(pretty, rust_log.as_deref().unwrap_or(&log.level), std::io::stderr)?;
    Ok(tracing::subscriber::set_global_default(subscriber)?)
}

/// Tells whether `directives` may stand as a level.
///
/// # Errors
/// If they cannot be parsed.
pub fn check(directives: &str) -> Result<(), TelemetryError> {
    filter(directives).map(drop)
}

fn filter(directives: &str) -> Result<EnvFilter, TelemetryError> {
    // The consensus engine tells of each of its steps, the AMQP library shows whole messages that come back; what matters
    // of them is told by their owners. Later directives win.
    let quiet = "openraft=off,lapin::returned_messages=off";
    EnvFilter::builder().parse(format!("{quiet},{directives}")).map_err(|error| TelemetryError::Level {
        directives: directives.to_owned(),
        reason: error.to_string(),
    })
}

fn subscriber<W>(
    pretty: bool,
    directives: &str,
    writer: W,
) -> Result<impl Subscriber + use<W>, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = filter(directives)?.and(filter_fn(|line| !line.target().starts_with(SILENT)));
    let lines = fmt::layer().with_writer(writer).with_span_events(FmtSpan::NONE);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if pretty {
        lines.with_filter(filter).boxed()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed()
    };
    Ok(Registry::default().with(lines))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(pretty: bool, directives: &str) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = subscriber(pretty, directives, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("request", request_id = "req-1").entered();
            tracing::info!(zone_id = "z", "zone created");
            tracing::debug!("not shown at info");
        });
        String::from_utf8(written.0.lock().clone()).unwrap()
    }

    #[test]
    fn json_lines_hold_message_fields_and_span() {
        let text = logged(false, "info");
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["message"], "zone created");
        assert_eq!(line["zone_id"], "z");
        assert_eq!(line["span"]["request_id"], "req-1");
    }

    #[test]
    fn pretty_lines_are_for_people() {
        let text = logged(true, "info");
        assert!(text.contains("zone created") && serde_json::from_str::<serde_json::Value>(&text).is_err());
    }

    #[test]
    fn the_broker_client_is_never_shown() {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = subscriber(false, "trace,lapin::io_loop=trace", move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "lapin::io_loop", "a password");
        });
        assert!(written.0.lock().is_empty());
    }

    #[test]
    fn directives_govern_what_is_shown() {
        assert_eq!(logged(false, "warn"), "");
        assert_eq!(logged(false, "warn,ordain::telemetry=debug").lines().count(), 2);
        let error = subscriber(true, "info,ordain=loud", io::sink).err().unwrap();
        assert!(error.to_string().contains("info,ordain=loud"));
    }
}
