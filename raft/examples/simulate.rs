//! Plays simulated schedules of a cluster and says which of them go wrong.
//!
//! ```text
//! cargo run --profile ci -p coordinator --example simulate -- --seeds 0..100000
//! cargo run --profile ci -p coordinator --example simulate -- --seed 17 --trace
//! ```
//!
//! Seeds are played by as many threads as there are processors (`--threads`). `--mutant NAME` puts a defect in and stops at the first
//! schedule that shows it; `--twice` plays each schedule twice and compares. Ends with 1 if anything went wrong.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a tool may fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "it is measured how long simulations really take")]

use std::{
    ops::Range,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use coordinator::testing::simulation::{Mutant, Report, simulate};

/// Schedules that went wrong of which everything is printed.
const PRINTED: usize = 5;
/// How often progress is told.
const NEWS: Duration = Duration::from_secs(60);

struct Options {
    seeds: Range<u64>,
    threads: usize,
    mutant: Option<Mutant>,
    trace: bool,
    twice: bool,
}

impl Options {
    fn read() -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let mut options = Self { seeds: 0..1000, threads, mutant: None, trace: false, twice: false };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--seeds" => {
                    let range = value();
                    let (first, end) = range.split_once("..").unwrap_or_else(|| panic!("--seeds 0..1000"));
                    options.seeds = first.parse().unwrap()..end.parse().unwrap();
                }
                "--seed" => {
                    let seed = value().parse().unwrap();
                    (options.seeds, options.trace) = (seed..seed + 1, true);
                }
                "--threads" => options.threads = value().parse().unwrap(),
                "--mutant" => options.mutant = Some(value().parse().unwrap()),
                "--trace" => options.trace = true,
                "--twice" => options.twice = true,
                other => panic!("what is {other}?"),
            }
        }
        options
    }
}

#[derive(Default)]
struct Sums {
    schedules: u64,
    operations: u64,
    faults: u64,
    messages: u64,
    elapsed: Duration,
    wrong: Vec<Report>,
}

impl Sums {
    fn add(&mut self, report: Report) {
        self.schedules += 1;
        self.operations += report.operations as u64;
        self.faults += report.faults as u64;
        self.messages += report.messages;
        self.elapsed += report.elapsed;
        if !report.violations.is_empty() {
            self.wrong.push(report);
        }
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    let (next, stop, sums) =
        (AtomicU64::new(options.seeds.start), AtomicBool::new(false), Mutex::new(Sums::default()));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| work(&options, &next, &stop, &sums));
        }
        let mut told = Instant::now();
        while next.load(SeqCst) < options.seeds.end && !stop.load(SeqCst) {
            thread::sleep(Duration::from_millis(50));
            if told.elapsed() > NEWS {
                told = Instant::now();
                let sums = sums.lock().unwrap();
                println!("{} schedules in {:?}, {} wrong", sums.schedules, begun.elapsed(), sums.wrong.len());
            }
        }
    });
    let mut sums = sums.into_inner().unwrap();
    let time = begun.elapsed();
    sums.wrong.sort_by_key(|report| report.seed);
    for report in sums.wrong.iter().take(PRINTED) {
        tell(&options, report);
    }
    let each = |sum: u64| sum / sums.schedules.max(1);
    println!(
        "{} schedules in {:.1} s, {:.1} a second; each {} operations, {} faults, {} messages, {:.1} simulated seconds; {} went wrong",
        sums.schedules,
        time.as_secs_f64(),
        sums.schedules as f64 / time.as_secs_f64(),
        each(sums.operations),
        each(sums.faults),
        each(sums.messages),
        sums.elapsed.as_secs_f64() / sums.schedules.max(1) as f64,
        sums.wrong.len(),
    );
    if sums.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn work(options: &Options, next: &AtomicU64, stop: &AtomicBool, sums: &Mutex<Sums>) {
    while !stop.load(SeqCst) {
        let seed = next.fetch_add(1, SeqCst);
        if seed >= options.seeds.end {
            return;
        }
        let mut report = simulate(seed, options.mutant);
        if options.twice {
            let again = simulate(seed, options.mutant);
            if again.hash != report.hash {
                let parts = report.trace.iter().zip(&again.trace).find(|(one, other)| one != other);
                report.violations.push(format!("replay: {parts:?}"));
            }
        }
        if options.mutant.is_some() && !report.violations.is_empty() {
            stop.store(true, SeqCst);
        }
        if options.trace && report.violations.is_empty() {
            tell(options, &report);
        }
        sums.lock().unwrap().add(report);
    }
}

fn tell(options: &Options, report: &Report) {
    if options.trace {
        report.trace.iter().for_each(|line| println!("{line}"));
    }
    println!("seed {} (hash {:08x}):", report.seed, report.hash);
    report.violations.iter().for_each(|violation| println!("  {violation}"));
    if !report.violations.is_empty() {
        let mutant = options.mutant.map_or_else(String::new, |mutant| format!(" --mutant {mutant}"));
        let command = "cargo run --profile ci -p coordinator --example simulate --";
        println!("  replay: {command} --seed {}{mutant}", report.seed);
    }
}
