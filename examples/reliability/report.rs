//! The run as text: what was checked, what each kind of fault did to clients.
//!
//! Invariants: a change counts to the fault during whose time it was sent; kinds of faults keep the order they came in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::judge::Findings;
use crate::load::Sample;

/// A change that takes longer to be ACTIVE, or fails, met with a fault.
const USUAL: Duration = Duration::from_secs(1);

/// A fault that was done.
#[derive(Debug, Clone)]
pub(crate) struct Injected {
    pub(crate) title: String,
    pub(crate) victim: String,
    pub(crate) at: Duration,
    pub(crate) undone: Duration,
    pub(crate) until: Duration,
}

/// What the run was.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) command: String,
    pub(crate) rate: u32,
    pub(crate) faults: Vec<Injected>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) findings: Findings,
    pub(crate) serial_questions: u64,
    /// Name, MiB before the first fault, MiB at the end, times it was ended.
    pub(crate) memory: Vec<(String, u64, u64, usize)>,
    pub(crate) took: Duration,
}

impl Report {
    /// Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let f = &self.findings;
        let failed = self.samples.iter().filter(|sample| sample.trouble.is_some()).count();
        writeln!(out, "`{}`: {} s, {} changes a second.\n", self.command, self.took.as_secs(), self.rate)?;
        writeln!(out, "| | |\n|---|---|")?;
        writeln!(
            out,
            "| changes sent / acknowledged / without a clear answer | {} / {} / {failed} |",
            self.samples.len(),
            self.samples.len() - failed
        )?;
        writeln!(
            out,
            "| of the unclear ones, deleted zones apart: done after all / not done | {} / {} |",
            f.unclear.0, f.unclear.1
        )?;
        writeln!(
            out,
            "| zones / recordsets / records compared at the end on the API and each BIND | {} / {} / {} |",
            f.zones, f.recordsets, f.records
        )?;
        writeln!(out, "| looks at serials, none of which may go back | {} |", self.serial_questions)?;
        writeln!(out, "| faults | {} |", self.faults.len())?;
        writeln!(
            out,
            "| from the last fault's time until every zone was ACTIVE or gone | {:.1} s |",
            f.settled.as_secs_f64()
        )?;
        writeln!(out, "| lost, doubled, stuck or otherwise wrong | **{}** |\n", f.wrong.len())?;
        if !f.wrong.is_empty() {
            writeln!(out, "```text")?;
            f.wrong.iter().take(30).try_for_each(|wrong| writeln!(out, "{wrong}"))?;
            writeln!(out, "```\n")?;
        }
        writeln!(
            out,
            "| fault | times | changes | not acknowledged | request p50 / p99 / max, ms | POST to ACTIVE p50 / p99 / max, ms | last affected change, s after the fault began / ended |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|")?;
        let first = self.faults.first().map_or(Duration::MAX, |fault| fault.at);
        let calm: Vec<_> = self.samples.iter().filter(|sample| sample.at < first).collect();
        line(out, "none (before the first)", 1, &calm, "")?;
        let mut kinds: Vec<(&str, Vec<&Injected>)> = Vec::new();
        for fault in &self.faults {
            match kinds.iter_mut().find(|(title, _)| *title == fault.title) {
                Some((_, those)) => those.push(fault),
                None => kinds.push((&fault.title, vec![fault])),
            }
        }
        for (title, those) in kinds {
            let during = |fault: &Injected| {
                self.samples.iter().filter(|s| (fault.at..fault.until).contains(&s.at)).collect::<Vec<_>>()
            };
            let samples: Vec<_> = those.iter().flat_map(|fault| during(fault)).collect();
            let back: Vec<_> = those.iter().map(|fault| back(fault, &during(fault))).collect();
            line(out, title, those.len(), &samples, &back.join(", "))?;
        }
        writeln!(
            out,
            "\n| process | MiB before the faults | MiB at the end | times it was ended |\n|---|---|---|---|"
        )?;
        for (name, before, after, ended) in &self.memory {
            writeln!(out, "| {name} | {before} | {after} | {ended} |")?;
        }
        Ok(())
    }
}

/// When the last change was sent that failed or took longer than usual, since the fault began and since it ended.
fn back(fault: &Injected, samples: &[&Sample]) -> String {
    let met = |sample: &&&Sample| sample.trouble.is_some() || sample.active.is_some_and(|took| took > USUAL);
    let Some(last) = samples.iter().filter(met).map(|sample| sample.at).max() else {
        return String::from("none");
    };
    let since = |from: Duration| last.saturating_sub(from).as_secs_f64();
    format!("{:.1} / {:.1}", since(fault.at), since(fault.undone))
}

fn line(out: &mut String, title: &str, times: usize, samples: &[&Sample], back: &str) -> std::fmt::Result {
    let mut troubles: BTreeMap<&str, usize> = BTreeMap::new();
    for trouble in samples.iter().filter_map(|sample| sample.trouble.as_deref()) {
        *troubles.entry(trouble).or_default() += 1;
    }
    let told: Vec<_> = troubles.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let told = if told.is_empty() { String::from("0") } else { told.join(", ") };
    let requests = spread(samples.iter().map(|sample| sample.took).collect());
    let active = spread(samples.iter().filter_map(|sample| sample.active).collect());
    writeln!(out, "| {title} | {times} | {} | {told} | {requests} | {active} | {back} |", samples.len())
}

/// Median, 99th percentile and maximum in milliseconds.
pub(crate) fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len() as f64 * share).ceil() as usize).saturating_sub(1);
        times.get(index).map_or_else(|| String::from("–"), |time| format!("{:.0}", time.as_secs_f64() * 1e3))
    };
    format!("{} / {} / {}", at(0.5), at(0.99), at(1.0))
}
