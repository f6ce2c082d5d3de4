//! The figures.

use std::time::Duration;

/// What was measured so far.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<[String; 2]>,
}

impl Table {
    /// Takes up a figure; it is shown on standard error at once.
    pub(crate) fn row(&mut self, what: impl Into<String>, figure: impl Into<String>) {
        let row = [what.into(), figure.into()];
        eprintln!("{}: {}", row[0], row[1]);
        self.rows.push(row);
    }

    /// Median and worst but one in a hundred of many times.
    pub(crate) fn times(&mut self, what: &str, mut times: Vec<Duration>) {
        times.sort();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
        let figure = format!("{} / {}", millis(at(50)), millis(at(99)));
        self.row(format!("{what}: median / 99th percentile of {}", times.len()), figure);
    }

    /// So many of something in a time, as a rate.
    pub(crate) fn rate(&mut self, what: &str, count: usize, took: Duration) {
        self.row(what, format!("{:.0}/s", count as f64 / took.as_secs_f64()));
    }

    /// Prints all of it, with the machine it was measured on.
    pub(crate) fn print(&self) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        let date = jiff::Zoned::now().date();
        println!("\nMeasured on {date}, {cores} cores, load {load} at the end.\n");
        println!("| What | Figure |\n|---|---|");
        for [what, figure] in &self.rows {
            println!("| {what} | {figure} |");
        }
    }
}

/// A time in milliseconds.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
