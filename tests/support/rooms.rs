//! Network namespaces for processes, each with two wires to the test: one for what the members of a cluster say to each
//! other, one for everything else. Either can be cut, and then nobody is told.
//!
//! Invariants: names and addresses hold the test's process id, so that two tests do not meet; what was made goes with the
//! value, and what a killed test left goes with the next. Without the privilege there are none, and that is said loudly.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

/// Which wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Between the members of the cluster.
    Cluster,
    /// To the database, the broker and the name server.
    Services,
}

impl Way {
    const ALL: [Self; 2] = [Self::Cluster, Self::Services];

    const fn letter(self) -> char {
        match self {
            Self::Cluster => 'c',
            Self::Services => 's',
        }
    }

    /// The second octet of its addresses, which are those of benchmarks (RFC 2544): nobody else has them.
    const fn octet(self) -> u8 {
        match self {
            Self::Cluster => 19,
            Self::Services => 18,
        }
    }
}

/// The namespaces.
#[derive(Debug)]
pub(crate) struct Rooms {
    net: u8,
    count: usize,
}

impl Rooms {
    /// So many namespaces. `None` where they cannot be made.
    pub(crate) fn make(count: usize) -> Option<Self> {
        remove_left_over();
        let taken = |net: u8| std::path::Path::new(&format!("/sys/class/net/ob{net}c")).exists();
        let first = u8::try_from(std::process::id() % 200).unwrap();
        let net = (0..200).map(|step| (first + step) % 200).find(|net| !taken(*net))?;
        let rooms = Self { net, count };
        if let Err(reason) = rooms.build() {
            println!("\nNO NETWORK NAMESPACES: nothing is partitioned in this run ({reason})\n");
            return None;
        }
        Some(rooms)
    }

    fn build(&self) -> Result<(), String> {
        for way in Way::ALL {
            let bridge = self.bridge(way);
            let address = format!("{}/24", self.host(way));
            ip(&["link", "add", &bridge, "type", "bridge"])?;
            ip(&["addr", "add", &address, "dev", &bridge])?;
            ip(&["link", "set", &bridge, "up"])?;
        }
        for room in 0..self.count {
            let name = self.name(room);
            ip(&["netns", "add", &name])?;
            ip(&["-n", &name, "link", "set", "lo", "up"])?;
            for way in Way::ALL {
                let (near, far) = (self.wire(room, way), format!("far{}", way.letter()));
                let address = format!("{}/24", self.address(room, way));
                ip(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &name])?;
                ip(&["link", "set", &near, "master", &self.bridge(way), "up"])?;
                ip(&["-n", &name, "addr", "add", &address, "dev", &far])?;
                ip(&["-n", &name, "link", "set", &far, "up"])?;
            }
        }
        Ok(())
    }

    /// Where the test itself is found on a wire.
    pub(crate) fn host(&self, way: Way) -> IpAddr {
        Ipv4Addr::new(198, way.octet(), self.net, 1).into()
    }

    /// Where a namespace is found on a wire.
    pub(crate) fn address(&self, room: usize, way: Way) -> IpAddr {
        Ipv4Addr::new(198, way.octet(), self.net, u8::try_from(room).unwrap() + 2).into()
    }

    /// What a command begins with to run there.
    pub(crate) fn enter(&self, room: usize) -> Vec<String> {
        ["ip", "netns", "exec", &self.name(room)].map(str::to_owned).to_vec()
    }

    /// Lets nothing pass any more.
    pub(crate) fn cut(&self, room: usize, way: Way) {
        ip(&["link", "set", &self.wire(room, way), "down"]).unwrap();
    }

    /// Lets everything pass again.
    pub(crate) fn mend(&self, room: usize, way: Way) {
        ip(&["link", "set", &self.wire(room, way), "up"]).unwrap();
    }

    fn bridge(&self, way: Way) -> String {
        format!("ob{}{}", self.net, way.letter())
    }

    fn wire(&self, room: usize, way: Way) -> String {
        format!("ow{}{}{room}", self.net, way.letter())
    }

    fn name(&self, room: usize) -> String {
        format!("ordain-test-{}-{}-{room}", std::process::id(), self.net)
    }
}

impl Drop for Rooms {
    fn drop(&mut self) {
        for room in 0..self.count {
            // The wires go with their far ends.
            let _ = ip(&["netns", "del", &self.name(room)]);
        }
        for way in Way::ALL {
            let _ = ip(&["link", "del", &self.bridge(way)]);
        }
    }
}

/// Removes what tests have made that are not there any more.
fn remove_left_over() {
    let Ok(rooms) = std::fs::read_dir("/run/netns") else { return };
    for name in rooms.filter_map(|room| room.ok()?.file_name().into_string().ok()) {
        let Some((pid, rest)) = name.strip_prefix("ordain-test-").and_then(|rest| rest.split_once('-'))
        else {
            continue;
        };
        if !std::path::Path::new(&format!("/proc/{pid}")).exists() {
            let _ = ip(&["netns", "del", &name]);
            for way in Way::ALL {
                let net = rest.split_once('-').map_or(rest, |(net, _)| net);
                let _ = ip(&["link", "del", &format!("ob{net}{}", way.letter())]);
            }
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let ran = Command::new("ip").args(arguments).env("PATH", path).output();
    let output = ran.map_err(|error| format!("ip cannot be run: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("ip {}: {}", arguments.join(" "), told.trim())) }
}

/// A small disk of its own for a folder, in memory.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    folder: std::path::PathBuf,
}

impl SmallDisk {
    /// Puts a disk of so many MiB under the folder. `None` where that cannot be done.
    pub(crate) fn under(folder: &std::path::Path, size: usize) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let options = format!("size={size}m,mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "ordain-test"])
            .arg(folder)
            .output()
            .unwrap();
        if mounted.status.success() {
            return Some(Self { folder: folder.to_owned() });
        }
        let told = String::from_utf8_lossy(&mounted.stderr).into_owned();
        println!("\nNO SMALL DISK: no disk is filled in this run ({})\n", told.trim());
        None
    }

    /// Leaves no room on it.
    pub(crate) fn fill(&self) {
        use std::io::Write as _;
        let mut ballast = std::fs::File::create(self.folder.join("ballast")).unwrap();
        let mut size = 1 << 20;
        while size > 0 {
            if ballast.write_all(&vec![0; size]).is_err() {
                size /= 2;
            }
        }
    }

    /// Makes room again.
    pub(crate) fn empty(&self) {
        std::fs::remove_file(self.folder.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).output();
    }
}

/// What a program must be started with so that its wall clock is what a file says, while its monotonic clock stays true.
pub(crate) fn other_time(file: &std::path::Path) -> Option<Vec<(String, String)>> {
    let libraries = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    let library = libraries.iter().map(|folder| format!("{folder}/faketime/libfaketimeMT.so.1"));
    let Some(library) = library.into_iter().find(|path| std::path::Path::new(path).exists()) else {
        println!("\nNO FAKETIME: no clock jumps in this run (package faketime)\n");
        return None;
    };
    let file = file.to_string_lossy().into_owned();
    let variables = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
        ("FAKETIME_DONT_RESET", "1"),
    ];
    Some(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
}

/// An address for tests: `ip`, and a port that is free on this machine.
pub(crate) fn at(ip: IpAddr) -> SocketAddr {
    SocketAddr::new(ip, super::ports::free_port().port())
}
