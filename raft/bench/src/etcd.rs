//! etcd, used as its own recipe for locks does: a key bound to a lease, made in a transaction if it is not there, deleted to
//! release; of those who queue each waits for the one before it to be deleted.
//!
//! What could be left out was: leases are granted before the measurement, one watch per connection serves all who wait on it, and
//! a lock that nobody else wants takes no queue.
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{oneshot, watch},
    time::{sleep, timeout},
};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::{
    etcd_rpc::{
        Compare, DeleteRequest, DeleteResponse, Kind, LeaseRequest, LeaseResponse, Operation, PutRequest,
        PutResponse, RangeRequest, RangeResponse, StatusRequest, StatusResponse, Target, TxnRequest,
        TxnResponse, WatchCreate, ask, watch as watch_keys,
    },
    load::within,
    process::{Process, free_ports},
    system::{Client, Held, Standby, System},
};

const PAUSE: Duration = Duration::from_millis(5);
/// What is asked of a node that has lost its leader is never answered, so it is asked again.
const ATTEMPT: Duration = Duration::from_millis(100);
/// Seconds that a lease lasts, longer than any run.
const TTL: i64 = 600;

pub struct Etcd {
    processes: Vec<Process>,
    endpoints: Vec<Endpoint>,
}

impl Etcd {
    pub async fn start(folder: &Path) -> Self {
        let ports = free_ports(6);
        let url = |place: usize| format!("http://127.0.0.1:{}", ports[place]);
        let members: Vec<String> = (0..3).map(|at| format!("n{at}={}", url(at + 3))).collect();
        let start = |at: usize| {
            let data = folder.join(format!("n{at}"));
            let words = [
                ("--name", format!("n{at}")),
                ("--data-dir", data.to_str().expect("a name").to_owned()),
                ("--listen-client-urls", url(at)),
                ("--advertise-client-urls", url(at)),
                ("--listen-peer-urls", url(at + 3)),
                ("--initial-advertise-peer-urls", url(at + 3)),
                ("--initial-cluster", members.join(",")),
                ("--initial-cluster-state", "new".to_owned()),
                ("--logger", "zap".to_owned()),
                ("--log-level", "warn".to_owned()),
            ];
            let words = words.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
            Process::start(
                std::iter::once("etcd".to_owned()).chain(words).collect(),
                &folder.join(format!("log-{at}")),
            )
        };
        let processes = (0..3).map(start).collect();
        let endpoint = |at| {
            let endpoint = Endpoint::from_shared(url(at)).expect("an address");
            endpoint.tcp_nodelay(true).connect_timeout(Duration::from_millis(500))
        };
        Self { processes, endpoints: (0..3).map(endpoint).collect() }
    }

    /// Place of the leader, if all answer, agree and stand at the same place of the log.
    async fn agreed(&self) -> Option<usize> {
        let mut all = Vec::new();
        for endpoint in &self.endpoints {
            all.push(status(&endpoint.connect_lazy()).await?);
        }
        let leader = all[0].leader;
        let same = all.iter().all(|one| one.leader == leader && one.index == all[0].index);
        let me = |one: &StatusResponse| one.header.as_ref().map(|header| header.member);
        let place = all.iter().position(|one| me(one) == Some(leader));
        place.filter(|_| same && leader != 0)
    }
}

async fn status(channel: &Channel) -> Option<StatusResponse> {
    let asked = ask(channel, "/etcdserverpb.Maintenance/Status", StatusRequest {});
    timeout(Duration::from_secs(2), asked).await.ok()?.ok()
}

async fn lease(channel: &Channel) -> Result<i64, Status> {
    let granted: LeaseResponse =
        ask(channel, "/etcdserverpb.Lease/LeaseGrant", LeaseRequest { ttl: TTL }).await?;
    Ok(granted.id)
}

/// Makes a key unless it is there. Says the revision, none if it is there.
async fn make(channel: &Channel, key: &str, lease: i64) -> Result<Option<i64>, Status> {
    let key = key.as_bytes().to_vec();
    let compare = Compare { result: 0, target: 1, key: key.clone(), value: Some(Target::Created(0)) };
    let put = Operation { kind: Some(Kind::Put(PutRequest { key, value: Vec::new(), lease })) };
    let request = TxnRequest { compare: vec![compare], success: vec![put] };
    let done: TxnResponse = ask(channel, "/etcdserverpb.KV/Txn", request).await?;
    Ok(done.header.filter(|_| done.succeeded).map(|header| header.revision))
}

#[async_trait]
impl System for Etcd {
    fn name(&self) -> &'static str {
        "etcd"
    }

    fn processes(&mut self) -> &mut [Process] {
        &mut self.processes
    }

    async fn client(&mut self) -> Arc<dyn Client> {
        let leader = self.leader().await;
        let channel = self.endpoints[leader].connect().await.expect("a connection");
        Arc::new(Connection::new(channel).await)
    }

    async fn leader(&mut self) -> usize {
        within("a leader", async {
            loop {
                match self.agreed().await {
                    Some(leader) => return leader,
                    None => sleep(PAUSE * 4).await,
                }
            }
        })
        .await
    }

    async fn whole(&mut self) {
        self.leader().await;
    }

    async fn standby(&mut self) -> Box<dyn Standby> {
        let leader = self.leader().await;
        let mut survivors = Vec::new();
        for (_, endpoint) in self.endpoints.iter().enumerate().filter(|(at, _)| *at != leader) {
            let channel = endpoint.connect().await.expect("a connection");
            let lease = lease(&channel).await.expect("a lease");
            survivors.push((channel, lease));
        }
        Box::new(Survivors(survivors))
    }
}

/// Connections to all but the leader.
struct Survivors(Vec<(Channel, i64)>);

#[async_trait]
impl Standby for Survivors {
    async fn first_grant(&mut self, lock: &str) {
        // Both are asked, each for a lock of its own: whoever answers first counts.
        let grant = |at: usize| {
            let (channel, lease) = self.0[at].clone();
            let lock = format!("{lock}-{at}");
            async move {
                for attempt in 0.. {
                    // One that is not answered may have been carried out.
                    let lock = format!("{lock}-{attempt}");
                    let asked = make(&channel, &lock, lease);
                    if let Ok(Ok(Some(_))) = timeout(ATTEMPT, asked).await {
                        return;
                    }
                    sleep(PAUSE).await;
                }
            }
        };
        tokio::select! {
            () = grant(0) => {}
            () = grant(1) => {}
        }
    }
}

/// Keys whose deletion somebody waits for, and those that were deleted before anybody did.
#[derive(Default)]
struct Deletions {
    waiting: HashMap<String, oneshot::Sender<()>>,
    gone: HashSet<String>,
}

struct Connection {
    channel: Channel,
    lease: i64,
    next: AtomicU64,
    deletions: Arc<Mutex<Deletions>>,
}

impl Connection {
    async fn new(channel: Channel) -> Self {
        let lease = lease(&channel).await.expect("a lease");
        let deletions = Arc::new(Mutex::new(Deletions::default()));
        // What is put is left out.
        let create = WatchCreate { key: b"shared/".into(), range_end: b"shared0".into(), filters: vec![0] };
        let mut events = watch_keys(&channel, create).await.expect("a watch");
        let told = deletions.clone();
        tokio::spawn(async move {
            while let Ok(Some(response)) = events.message().await {
                let mut deletions = told.lock().expect("no holder panics");
                for key in response.events.into_iter().filter_map(|event| event.kv) {
                    let key = String::from_utf8_lossy(&key.key).into_owned();
                    match deletions.waiting.remove(&key) {
                        Some(waiter) => drop(waiter.send(())),
                        None => drop(deletions.gone.insert(key)),
                    }
                }
            }
        });
        Self { channel, lease, next: AtomicU64::new(0), deletions }
    }

    /// The newest key of a lock that is older than ours.
    async fn before(&self, lock: &str, revision: i64) -> Option<String> {
        let request = RangeRequest {
            key: format!("{lock}/").into_bytes(),
            range_end: format!("{lock}0").into_bytes(),
            limit: 1,
            sort_order: 2,
            sort_target: 2,
            max_create_revision: revision - 1,
        };
        let found: RangeResponse = ask(&self.channel, "/etcdserverpb.KV/Range", request).await.expect("keys");
        found.kvs.into_iter().next().map(|kv| String::from_utf8_lossy(&kv.key).into_owned())
    }

    async fn deleted(&self, key: String) {
        let (tell, told) = oneshot::channel();
        {
            let mut deletions = self.deletions.lock().expect("no holder panics");
            if deletions.gone.remove(&key) {
                return;
            }
            deletions.waiting.insert(key, tell);
        }
        told.await.expect("the watch goes on");
    }
}

#[async_trait]
impl Client for Connection {
    async fn acquire(&self, lock: &str, _: usize) -> Held {
        let made = make(&self.channel, lock, self.lease).await.expect("a transaction");
        assert!(made.is_some(), "nobody else wants it");
        Held::Key(lock.to_owned())
    }

    async fn queue(&self, lock: &str, who: usize) -> Held {
        let key = format!("{lock}/{who}-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let revision =
            make(&self.channel, &key, self.lease).await.expect("a transaction").expect("a new key");
        while let Some(before) = self.before(lock, revision).await {
            self.deleted(before).await;
        }
        Held::Key(key)
    }

    async fn give(&self, held: Held) {
        let Held::Key(key) = held else { panic!("not a key") };
        let request = DeleteRequest { key: key.into_bytes() };
        let done: DeleteResponse =
            ask(&self.channel, "/etcdserverpb.KV/DeleteRange", request).await.expect("a deletion");
        assert_eq!(done.deleted, 1, "it was still there");
    }

    async fn join(&self, group: &str, member: &str) -> Held {
        let key = format!("{group}/{member}");
        let put = PutRequest { key: key.clone().into_bytes(), value: Vec::new(), lease: self.lease };
        let _: PutResponse = ask(&self.channel, "/etcdserverpb.KV/Put", put).await.expect("a put");
        Held::Key(key)
    }

    async fn watch(&self, group: &str) -> watch::Receiver<usize> {
        let (key, range_end) = (format!("{group}/").into_bytes(), format!("{group}0").into_bytes());
        let create = WatchCreate { key, range_end, filters: Vec::new() };
        let mut events = watch_keys(&self.channel, create).await.expect("a watch");
        let (tell, told) = watch::channel(0);
        tokio::spawn(async move {
            let mut members = HashSet::new();
            while let Ok(Some(response)) = events.message().await {
                for event in response.events {
                    let key = event.kv.map(|kv| kv.key).unwrap_or_default();
                    if event.kind == 0 {
                        members.insert(key)
                    } else {
                        members.remove(&key)
                    };
                }
                if tell.send(members.len()).is_err() {
                    return;
                }
            }
        });
        told
    }
}
