//! Three producers that agree in a cluster of their own, on PostgreSQL and RabbitMQ, with many zones whose publishing is left
//! to them; and what the database has seen of it.
//!
//! Each producer runs central and a worker, too, and speaks to them in process, so that what it begins it also writes. An
//! API and a name server stand beside. The database writes down every serial and every token it is given, in the order of
//! commits.
//!
//! Invariants: a fault is begun while work is under way; every wait is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use coordinator::cluster::net::Network;
use coordinator::cluster::{Call, Link as _, Operated, Operation, Peer, Remote, Request, Response, Status};
use coordinator::{Client, Coordinator as _, LockName, Terms};
use ordain::config::Config;
use ordain::config_load::Sources;
use ordain::deployment::cluster::network;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::part::{Part, Surroundings, ask, program};
use super::ports::free_port;
use super::postgres::Postgres;
use super::proxy::Wire;
use super::rabbitmq::Rabbit;
use super::rooms::{Rooms, SmallDisk, Way, at};

/// Its statements can be read in full.
const SERVER: [&str; 3] = ["fsync=off", "max_connections=200", "track_activity_query_size=16384"];
/// Producers.
pub(crate) const PRODUCERS: usize = 3;
const SHARDS: usize = 4096;
/// Most that is waited for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(400);
const PAUSE: Duration = Duration::from_millis(10);
/// MiB of a producer's own disk.
const DISK: usize = 32;

/// The region.
pub(crate) struct Region {
    pub(crate) parts: Vec<Part>,
    base: Part,
    pub(crate) rooms: Option<Rooms>,
    pub(crate) disks: Vec<Option<SmallDisk>>,
    /// From the namespaces to what is outside of them.
    _wires: Vec<Wire>,
    rabbit: Rabbit,
    postgres: Postgres,
    pub(crate) database: tokio_postgres::Client,
    name: String,
    network: Network,
    peers: Vec<Peer>,
    operator: PathBuf,
    folder: tempfile::TempDir,
    api: SocketAddr,
    nameserver: SocketAddr,
    zones: usize,
    rounds: usize,
    report: Vec<(String, Duration)>,
}

/// A change of every zone, under way.
pub(crate) struct Round {
    number: usize,
    since: i64,
    update: Child,
}

/// Who owns what, once every shard has one owner who is not asked to give it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) members: BTreeSet<String>,
    pub(crate) sessions: BTreeSet<String>,
    pub(crate) epoch: u64,
}

impl Region {
    /// A region of so many zones, all of them published. `None` if the test is to go without its servers.
    pub(crate) async fn start(zones: usize, ttl: &str) -> Option<Self> {
        let (postgres, rabbit) = (Postgres::start(&SERVER)?, Rabbit::start()?);
        let mut folder = tempfile::tempdir().unwrap();
        if std::env::var_os("ORDAIN_PRODUCERS_KEEP").is_some() {
            folder.disable_cleanup(true);
            println!("logs are in {}", folder.path().display());
        }
        let rooms = Rooms::make(PRODUCERS);
        let host = rooms.as_ref().map_or(Ipv4Addr::LOCALHOST.into(), |rooms| rooms.host(Way::Services));
        let url = postgres.database().await;
        let name = url.split('/').next_back().unwrap().split('?').next().unwrap().to_owned();
        let wires = [SocketAddr::from((Ipv4Addr::LOCALHOST, postgres.port())), rabbit.address()];
        let wires: Vec<Wire> = wires.into_iter().map(|server| Wire::from(host, server)).collect();
        let database = format!("postgresql://ordain@{}/{name}?sslmode=disable", wires[0].address());
        let broker = format!("amqp://guest:guest@{}/%2f", wires[1].address());
        let common = format!(
            "transport.kind = \"amqp\"\ntransport.amqp.urls = [\"{broker}\"]\nheartbeat.interval = \"1s\"\n\
             database.lock_timeout = \"60s\"\ndatabase.statement_timeout = \"60s\"\n\
             database.idle_in_transaction_timeout = \"30s\"\n"
        );
        let own = |n: usize| match &rooms {
            Some(rooms) => at(rooms.address(n, Way::Cluster)),
            None => free_port(),
        };
        let listen: Vec<SocketAddr> = (0..PRODUCERS).map(own).collect();
        let cluster = format!(
            "coordinator.kind = \"raft\"\ncoordinator.lease_ttl = \"{ttl}\"\n\
             coordinator.raft.peers = {:?}\ncoordinator.raft.secret = \"the secret of these tests\"\n",
            listen.iter().map(ToString::to_string).collect::<Vec<_>>()
        );

        let (api, nameserver) = (free_port(), at(host));
        let beside = format!(
            "{common}database.url = \"{database}&application_name=base\"\napi.listen = [\"{api}\"]\n\
             mdns.listen = [\"{nameserver}\"]\n"
        );
        let mut base = Part::start(folder.path(), "base", "api,mdns", &beside);
        base.until_wants(|wants| !wants.contains("database") && !wants.contains("mdns"));
        let client = postgres.client(&name).await;
        client.batch_execute(ORACLE).await.unwrap();

        let operator = folder.path().join("operator.toml");
        std::fs::write(&operator, format!("database.url = \"{database}\"\n{cluster}")).unwrap();
        let config: Config = Sources { file: Some(operator.clone()), ..Sources::default() }.load().unwrap();
        let network = network(&config).await.unwrap();
        let peer = |address: &SocketAddr| Peer { name: address.to_string(), address: address.to_string() };
        let peers = listen.iter().map(peer).collect();

        let (mut parts, mut disks) = (Vec::new(), Vec::new());
        for (n, listen) in listen.iter().enumerate() {
            let state = folder.path().join(format!("p{n}.coordinator"));
            disks.push(SmallDisk::under(&state, DISK));
            let settings = format!(
                "{common}{cluster}node.host = \"p{n}\"\ndatabase.url = \"{database}&application_name=p{n}\"\n\
                 transport.local = true\ncentral.quotas.zones = -1\nproducer.recovery.interval = \"500ms\"\n\
                 coordinator.state_path = \"{}\"\ncoordinator.raft.listen = \"{listen}\"\n",
                state.display()
            );
            let surroundings = match &rooms {
                Some(rooms) => Surroundings {
                    enter: rooms.enter(n),
                    health: Some(at(rooms.address(n, Way::Services))),
                    ..Surroundings::default()
                },
                None => Surroundings::default(),
            };
            let services = "central,worker,producer";
            parts.push(Part::start_in(folder.path(), &format!("p{n}"), services, &settings, surroundings));
        }
        let mut region = Self {
            parts,
            base,
            rooms,
            disks,
            _wires: wires,
            rabbit,
            postgres,
            database: client,
            name,
            network,
            peers,
            operator,
            folder,
            api,
            nameserver,
            zones,
            rounds: 0,
            report: Vec::new(),
        };
        region.fill().await;
        Some(region)
    }

    /// Makes the pool and the zones.
    async fn fill(&mut self) {
        for part in &mut self.parts {
            part.until_ready();
        }
        let made = self.update_pool().wait_with_output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let (api, zones) = (self.api, self.zones);
        let makers: Vec<_> = (0..8)
            .map(|maker| {
                thread::spawn(move || {
                    for number in (maker..zones).step_by(8) {
                        let zone =
                            json!({"name": format!("z{number}.example.org."), "email": "a@example.org"});
                        let begun = Instant::now();
                        loop {
                            let made = ask(api, "POST", "/v2/zones", &[], &zone.to_string());
                            if made.as_ref().is_some_and(|made| [202, 409].contains(&made.status)) {
                                break;
                            }
                            assert!(begun.elapsed() < PATIENCE, "{made:?}");
                            thread::sleep(PAUSE);
                        }
                    }
                })
            })
            .collect();
        makers.into_iter().for_each(|maker| maker.join().unwrap());
        self.until_propagated("every zone to be there").await;
    }

    /// Starts to give every zone another NS set. The rows lag then, and nobody but a producer looks for them.
    fn update_pool(&self) -> Child {
        let mut servers = String::from("{hostname: ns1.example.net., priority: 1}");
        if self.rounds > 0 {
            let _ = write!(servers, ", {{hostname: ns-{}.example.net., priority: 2}}", self.rounds);
        }
        let file = self.folder.path().join("pools.yaml");
        let text = format!(
            "- name: default\n  ns_records: [{servers}]\n  nameservers: [{{host: {}, port: {}}}]\n  \
             targets: [{{type: native}}]\n",
            self.nameserver.ip(),
            self.nameserver.port()
        );
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(program());
        command.args(["pool", "update", "--config"]).arg(&self.operator).arg("--file").arg(file);
        command.env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Changes every zone, and returns when the first of them are published anew.
    pub(crate) async fn begin_round(&mut self) -> Round {
        self.rounds += 1;
        let since = self.number("SELECT COALESCE(MAX(place), 0) FROM seen_serials").await;
        let update = self.update_pool();
        let round = Round { number: self.rounds, since, update };
        let few = i64::try_from(self.zones / 20).unwrap();
        self.until("the first zones", async |region| region.bumped(&round).await >= few).await;
        round
    }

    async fn bumped(&self, round: &Round) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM seen_serials WHERE place > {}", round.since)).await
    }

    /// Waits until all of it is served, and judges.
    pub(crate) async fn end_round(&mut self, round: Round) {
        let Round { number, since, update } = round;
        let updated = update.wait_with_output().unwrap();
        assert!(updated.status.success(), "{}", String::from_utf8_lossy(&updated.stderr));
        self.until_propagated(&format!("round {number}")).await;
        let twice = format!(
            "SELECT COUNT(*) FROM (SELECT zone FROM seen_serials WHERE place > {since} GROUP BY zone \
             HAVING COUNT(*) <> 1) AS wrong"
        );
        assert_eq!(self.number(&twice).await, 0, "serials bumped more than once for one change");
        let once = format!("SELECT COUNT(DISTINCT zone) FROM seen_serials WHERE place > {since}");
        assert_eq!(self.number(&once).await, i64::try_from(self.zones).unwrap(), "serials not bumped");
        assert_eq!(
            self.number("SELECT COUNT(*) FROM seen_serials WHERE new <= old").await,
            0,
            "serials go back"
        );
        let back = "SELECT COUNT(*) FROM (SELECT token, LAG(token) OVER (PARTITION BY resource ORDER BY place) \
                    AS before FROM seen_tokens) AS seen WHERE token < before";
        assert_eq!(self.number(back).await, 0, "an older token was accepted after a newer one");
    }

    async fn until_propagated(&self, what: &str) {
        let lagging = "SELECT COUNT(*) FROM zones WHERE deleted = '0' AND \
                       (propagated_generation < generation OR status <> 'ACTIVE')";
        self.until(what, async |region| region.number(lagging).await == 0).await;
    }

    /// One number from the database.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.database.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Another connection to the database.
    pub(crate) async fn client(&self) -> tokio_postgres::Client {
        self.postgres.client(&self.name).await
    }

    pub(crate) async fn until(&self, what: &str, mut is: impl AsyncFnMut(&Self) -> bool) -> Duration {
        let begun = Instant::now();
        while !is(self).await {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}\n{}", self.told().await);
            tokio::time::sleep(PAUSE).await;
        }
        begun.elapsed()
    }

    async fn told(&self) -> String {
        let mut text = String::new();
        for n in 0..PRODUCERS {
            let log = self.parts[n].log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(15)..].join("\n");
            let _ = writeln!(text, "p{n}: {:?}\n{last}", self.status(n).await.map(|status| status.groups));
        }
        text
    }

    /// How the cluster stands, as one producer sees it.
    pub(crate) async fn status(&self, asked: usize) -> Option<Status> {
        let request = Request::Operate(Operation::Status);
        let call = Call { cluster: None, from: None, to: None, request };
        match self.network.call(&self.peers[asked], call, Duration::from_secs(5)).await {
            Ok(Response::Operated(Ok(Operated::Status(status)))) => Some(*status),
            _ => None,
        }
    }

    /// The producer that leads, once all that answer say the same.
    pub(crate) async fn leader(&self) -> usize {
        let mut found = 0;
        self.until("a leader", async |region| {
            let mut said = BTreeSet::new();
            for asked in 0..PRODUCERS {
                let Some(status) = region.status(asked).await else { continue };
                let leader = status.members.iter().find(|member| Some(member.node) == status.leader);
                said.insert(
                    (0..PRODUCERS).find(|n| leader.is_some_and(|one| one.peer.name == format!("p{n}"))),
                );
            }
            found = said.first().copied().flatten().unwrap_or(0);
            said.len() == 1 && !said.contains(&None)
        })
        .await;
        found
    }

    /// Waits until every shard has one owner, and the owners are as wanted.
    pub(crate) async fn settled(
        &self,
        asked: usize,
        what: &str,
        wanted: impl Fn(&Settled) -> bool,
    ) -> (Settled, Duration) {
        let mut last = None;
        let took = self
            .until(what, async |region| {
                last = region.status(asked).await.as_ref().and_then(settled).filter(&wanted);
                last.is_some()
            })
            .await;
        (last.unwrap(), took)
    }

    /// Has a lock taken and given back as fast as it goes, so that the log grows, until the task is aborted.
    pub(crate) fn load(&self) -> JoinHandle<()> {
        let client = Client::new(Remote::start(Arc::new(self.network.clone()), self.peers.clone()));
        tokio::spawn(async move {
            loop {
                if let Ok(lease) = client.acquire(&LockName::literal("load"), Terms::at_once()).await {
                    let _ = lease.release().await;
                } else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        })
    }

    /// Notes how long something took.
    pub(crate) fn note(&mut self, what: &str, took: Duration) {
        println!("{what}: {:.0} ms", took.as_secs_f64() * 1000.0);
        self.report.push((what.to_owned(), took));
    }

    /// Ends everything in good order; what was noted goes to the file of `ORDAIN_PRODUCERS_REPORT`, if that is set.
    pub(crate) fn end(mut self) {
        for part in &mut self.parts {
            part.terminate();
            assert!(part.until_ended().success(), "{}", part.log());
        }
        self.base.terminate();
        assert!(self.base.until_ended().success(), "{}", self.base.log());
        self.rabbit.stop();
        if let Some(path) = std::env::var_os("ORDAIN_PRODUCERS_REPORT") {
            write_report(Path::new(&path), &self.report);
        }
    }
}

fn write_report(path: &Path, report: &[(String, Duration)]) {
    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    for (what, took) in report {
        writeln!(file, "{what}\t{:.0}", took.as_secs_f64() * 1000.0).unwrap();
    }
}

/// Who owns what; none while a shard has no owner, or one who is to give it up.
pub(crate) fn settled(status: &Status) -> Option<Settled> {
    let group = status.groups.iter().find(|group| group.group.to_string() == "producer")?;
    let mut owners: BTreeMap<u16, usize> = BTreeMap::new();
    for member in &group.members {
        if member.releasing > 0 {
            return None;
        }
        for shard in member.spans.iter().flat_map(|(first, last)| *first..=*last) {
            *owners.entry(shard).or_default() += 1;
        }
    }
    assert!(owners.values().all(|count| *count == 1), "a shard with two owners: {group:?}");
    (owners.len() == SHARDS).then(|| Settled {
        members: group.members.iter().map(|member| member.member.to_string()).collect(),
        sessions: group.members.iter().map(|member| member.session.to_string()).collect(),
        epoch: group.epoch.as_i64().unsigned_abs(),
    })
}

/// What writes down every serial and every token, in the order in which the rows were locked, which is that of commits.
const ORACLE: &str = "
CREATE TABLE seen_serials (place BIGSERIAL, zone UUID, old BIGINT, new BIGINT);
CREATE TABLE seen_tokens (place BIGSERIAL, resource TEXT, token BIGINT);
CREATE FUNCTION see_serial() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen_serials (zone, old, new) VALUES (NEW.id, OLD.serial, NEW.serial); RETURN NULL;
END $$;
CREATE FUNCTION see_token() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen_tokens (resource, token) VALUES (NEW.resource, NEW.token); RETURN NULL;
END $$;
CREATE TRIGGER see_serial AFTER UPDATE ON zones FOR EACH ROW WHEN (OLD.serial <> NEW.serial)
    EXECUTE FUNCTION see_serial();
CREATE TRIGGER see_token AFTER INSERT OR UPDATE ON fences FOR EACH ROW EXECUTE FUNCTION see_token();
";
