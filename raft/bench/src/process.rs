//! A node as a process of its own, stopped by its id.
//!
//! **Invariant**: it ends with its parent, however the parent ends.
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A node; started anew by [`Process::start_again`], killed when dropped.
pub struct Process {
    words: Vec<String>,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts it; what it prints goes to a file.
    pub fn start(words: Vec<String>, log: &Path) -> Self {
        let child = spawn(&words, log);
        Self { words, log: log.to_owned(), child }
    }

    /// `kill -9`; returns when it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    pub fn start_again(&mut self) {
        self.child = spawn(&self.words, &self.log);
    }

    /// Resident memory in MiB.
    pub fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
        kib.expect("a process that runs") / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(words: &[String], log: &Path) -> Child {
    let out = File::options().create(true).append(true).open(log).expect("a file for what it prints");
    // It replaces itself by the node, which keeps the process id.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).args(words);
    command.stdin(Stdio::null()).stdout(out.try_clone().expect("a file")).stderr(out);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ETCD_")) {
        command.env_remove(name);
    }
    command.spawn().expect("it starts")
}

/// Ports of 127.0.0.1 that were free a moment ago.
pub fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> =
        (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("an address").port()).collect()
}
